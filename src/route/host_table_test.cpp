#include "route/host_table.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace cirque::route;
using By = HostTable::By;

namespace {

HostTable table_of(const std::vector<std::string>& names) {
  std::vector<HostTable::Entry> entries;
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    auto name = HostPattern::parse(names[i]);
    REQUIRE(name);
    entries.push_back({*name, i});
  }
  return HostTable(entries);
}

std::string canonical(std::string_view authority) {
  return std::string(HostName(authority).text());
}

Flaw flaw_of(std::string_view name) {
  auto parsed = HostPattern::parse(name);
  REQUIRE_FALSE(parsed);
  return parsed.error();
}

}  // namespace

TEST_SUITE_BEGIN("route");

TEST_CASE("a host is compared without case, port and final dot") {
  for (auto sent : {"example.com", "EXAMPLE.com", "example.com:80", "Example.Com.",
                    "example.com.:80", "example.com:"}) {
    CHECK(canonical(sent) == "example.com");
  }
  CHECK(canonical("example.com..") == "example.com.");
  CHECK(canonical("") == "");
  CHECK(canonical(":80") == "");
}

TEST_CASE("an IPv6 host is compared in its shortest spelling, without brackets") {
  for (auto sent : {"[::1]", "[::1]:443", "[0:0::0:1]:80", "[0000:0000::0001]"}) {
    CHECK(canonical(sent) == "::1");
  }
  CHECK(canonical("[2001:DB8::A]") == "2001:db8::a");
  for (auto broken : {"[", "[]", "[::1", "[::1%eth0]", "[1.2.3.4]", "[gg::]"}) {
    CHECK(canonical(broken) == "");
  }
}

TEST_CASE("an overlong host finds the default alone") {
  auto table = table_of({"*", "*.example"});
  CHECK(canonical(std::string(253, 'a')).size() == 253);
  CHECK(canonical(std::string(254, 'a')) == "");
  CHECK(table.find(std::string(300, 'a') + ".example").by == By::Default);
}

TEST_CASE("the name itself wins over wildcards, the longest suffix over shorter ones") {
  auto table = table_of({"*", "*.com", "*.example.com", "a.example.com", "*.b.example.com", "::1"});
  auto host_of = [&](std::string_view sent) { return table.find(sent).host; };
  CHECK(host_of("a.example.com") == 3);
  CHECK(host_of("A.EXAMPLE.COM:8443") == 3);
  CHECK(host_of("b.example.com") == 2);
  CHECK(host_of("x.y.example.com") == 2);
  CHECK(host_of("x.b.example.com.") == 4);
  CHECK(host_of("x.y.b.example.com") == 4);
  CHECK(host_of("example.com") == 1);
  CHECK(host_of("com") == 0);
  CHECK(host_of("other.org") == 0);
  CHECK(host_of("") == 0);
  CHECK(host_of("[0::1]:80") == 5);
}

TEST_CASE("a star stands for one label at least, and never for nothing") {
  auto table = table_of({"*.example.com"});
  for (auto sent :
       {"example.com", ".example.com", "xexample.com", "example.com.evil", "", "a.example.comm"}) {
    CHECK(table.find(sent).by == By::Nothing);
    CHECK(table.find(sent).host == kNone);
  }
  CHECK(table.find("a.example.com").by == By::Wildcard);
}

TEST_CASE("how a host was found is told") {
  auto table = table_of({"*", "a.b", "*.b"});
  CHECK(table.find("a.b").by == By::Name);
  CHECK(table.find("c.b").by == By::Wildcard);
  CHECK(table.find("c").by == By::Default);
}

TEST_CASE("case does not matter in a table of ten thousand either") {
  std::vector<std::string> names;
  for (int i = 0; i < 10'000; ++i) names.push_back("Shop-" + std::to_string(i) + ".Example.COM");
  auto table = table_of(names);
  std::size_t wrong = 0;
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    wrong += table.find("sHOP-" + std::to_string(i) + ".eXAMPLE.com:8080").host != i;
  }
  CHECK(wrong == 0);
}

TEST_CASE("names of a specification are brought into the form in which they are compared") {
  using Kind = HostPattern::Kind;
  CHECK(*HostPattern::parse("Example.COM.") == HostPattern{Kind::Exact, "example.com"});
  CHECK(*HostPattern::parse("*.Example.com") == HostPattern{Kind::Wildcard, "example.com"});
  CHECK(*HostPattern::parse("*") == HostPattern{Kind::Default, ""});
  CHECK(*HostPattern::parse("[0::1]") == HostPattern{Kind::Exact, "::1"});
  CHECK(*HostPattern::parse("0::1") == HostPattern{Kind::Exact, "::1"});
  CHECK(*HostPattern::parse("192.0.2.1") == HostPattern{Kind::Exact, "192.0.2.1"});
  CHECK(*HostPattern::parse("my_host-1") == HostPattern{Kind::Exact, "my_host-1"});
}

TEST_CASE("what cannot be a host's name is refused where it goes wrong") {
  struct Row {
    std::string name;
    std::size_t offset;
    std::string_view word;
  };

  for (const Row& row :
       {Row{"", 0, "no name"}, Row{".", 0, "no name"}, Row{"*.", 2, "no name"},
        Row{"a..b", 2, "empty label"}, Row{".a", 0, "empty label"}, Row{"a..", 2, "empty label"},
        Row{"a.*.b", 2, "star"}, Row{"*a.b", 0, "star"}, Row{"*.*.a", 2, "star"},
        Row{"a:80", 1, "port"}, Row{"[::1]:80", 0, "IPv6"}, Row{"http://a", 4, "URL"},
        Row{"a/b", 1, "slash"}, Row{"m\xc3\xbcller.de", 1, "xn--"}, Row{"a b", 1, "character"},
        Row{std::string(254, 'a'), 253, "253"}}) {
    CAPTURE(row.name);
    auto found = flaw_of(row.name);
    CHECK(found.offset == row.offset);
    CHECK(found.what.find(row.word) != std::string::npos);
  }
}

TEST_SUITE_END();
