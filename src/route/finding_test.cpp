// What is found wrong with a specification, by kind and place.
#include "route/finding.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "route/router.h"

using namespace cirque::route;
using Kind = Finding::Kind;

namespace {

using Hosts = std::vector<VirtualHostSpec>;
using Routes = std::vector<RouteSpec>;

RouteSpec route(PathKind kind, std::string text) {
  return {.path = {kind, std::move(text)}};
}

RouteSpec prefix(std::string text) {
  return route(PathKind::Prefix, std::move(text));
}

RouteSpec with_header(RouteSpec spec, FieldSpec field) {
  spec.headers.push_back(std::move(field));
  return spec;
}

FieldSpec is(std::string name, std::string value) {
  return {std::move(name), Test::Exact, std::move(value)};
}

Findings findings_of(Routes routes) {
  Hosts hosts{{{"*"}, std::move(routes)}};
  auto compiled = Router::compile(hosts);
  bool is_fatal = false;
  for (const Finding& finding : compiled.findings) is_fatal |= !is_harmless(finding.kind);
  CHECK((compiled.router == nullptr) == is_fatal);
  return compiled.findings;
}

// "2<0": the third route is hidden by the first.
std::string hidden_in(Routes routes) {
  std::string all;
  for (const Finding& finding : findings_of(std::move(routes))) {
    CHECK(finding.kind == Kind::Unreachable);
    CHECK(finding.at.host == finding.other.host);
    if (!all.empty()) all += " ";
    all += std::to_string(finding.at.route) + "<" + std::to_string(finding.other.route);
  }
  return all;
}

Finding only_finding(RouteSpec spec) {
  auto findings = findings_of({std::move(spec)});
  REQUIRE(findings.size() == 1);
  return findings.front();
}

}  // namespace

TEST_SUITE_BEGIN("route");

TEST_CASE("a clean specification has no findings") {
  CHECK(findings_of({prefix("/"), prefix("/a"), route(PathKind::Regex, "/b.*")}).empty());
  CHECK(findings_of({}).empty());
}

TEST_CASE("a host that is named twice is told with both places") {
  Hosts hosts{{{"a.example", "b.example"}, {}},
              {{"c.example", "B.Example.", "*.b.example", "*"}, {}},
              {{"*", "*.B.example"}, {}}};
  auto compiled = Router::compile(hosts);
  CHECK_FALSE(compiled.router);
  REQUIRE(compiled.findings.size() == 3);
  auto check = [](const Finding& finding, Place at, Place other) {
    CHECK(finding.kind == Kind::DuplicateHost);
    CHECK(finding.at == at);
    CHECK(finding.other == other);
  };
  auto name = [](std::uint32_t host, std::uint32_t item) {
    return Place{.host = host, .part = Part::Name, .item = item};
  };
  check(compiled.findings[0], name(1, 1), name(0, 1));
  check(compiled.findings[1], name(2, 0), name(1, 3));
  check(compiled.findings[2], name(2, 1), name(1, 2));
}

TEST_CASE("what cannot be read is told with its part, its item and its offset") {
  struct Row {
    RouteSpec spec;
    Part part;
    std::uint32_t item;
    std::size_t offset;
    bool is_name = false;
  };

  std::vector<Row> rows = {
      {route(PathKind::Pattern, "/a/{"), Part::Path, kNone, 3},
      {route(PathKind::Exact, "/a b"), Part::Path, kNone, 2},
      {route(PathKind::Regex, "/a/(b"), Part::Path, kNone, 0},
      {route(PathKind::Regex, "/a[z-a]"), Part::Path, kNone, 3},
      {route(PathKind::Regex, ""), Part::Path, kNone, 0},
      {route(PathKind::Regex, "/((a{100}){100}){100}"), Part::Path, kNone, 16},
      {{.methods = {"GET", "GE T"}}, Part::Method, 1, 0},
      {{.sources = {"10.0.0.0/8", "10.0.0.0/33"}}, Part::Source, 1, 0},
      {{.headers = {is("A", "b"), is("B:", "c")}}, Part::Header, 1, 0, true},
      {{.headers = {{"A", Test::Regex, "x**"}}}, Part::Header, 0, 1},
      {{.query = {is("", "c")}}, Part::Query, 0, 0, true},
      {{.cookies = {is("a b", "c")}}, Part::Cookie, 0, 0, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.spec.path.text);
    auto finding = only_finding(row.spec);
    CHECK(finding.kind == Kind::Invalid);
    CHECK(finding.at == Place{0, 0, row.part, row.item, row.is_name});
    CHECK(finding.offset == row.offset);
    CHECK_FALSE(finding.what.empty());
  }
}

TEST_CASE("every mistake is told at once, in the order of the specification") {
  Hosts hosts{{{"a..b"}, {route(PathKind::Exact, "x"), {.methods = {""}}}}, {{"c d"}, {}}};
  auto compiled = Router::compile(hosts);
  REQUIRE(compiled.findings.size() == 4);
  CHECK(compiled.findings[0].at.part == Part::Name);
  CHECK(compiled.findings[1].at.route == 0);
  CHECK(compiled.findings[2].at.route == 1);
  CHECK(compiled.findings[3].at.host == 1);
}

TEST_CASE("a route that cannot be read is not said to hide others or to be hidden") {
  auto flawed = with_header(prefix("/a"), {"X", Test::Regex, "("});
  for (auto wrong : {flawed, route(PathKind::Regex, "("), route(PathKind::Exact, "a")}) {
    auto findings = findings_of({{}, prefix("/a"), wrong, wrong, prefix("/b"), prefix("/c")});
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].at.route == 2);
    CHECK(findings[0].kind == Kind::Invalid);
    CHECK(findings[1].at.route == 3);
    CHECK(findings[1].kind == Kind::Invalid);
  }
}

TEST_CASE("predicates that exclude each other are found") {
  auto contradicts = [](RouteSpec spec) {
    auto findings = findings_of({std::move(spec)});
    return findings.size() == 1 && findings[0].kind == Kind::Contradiction;
  };
  FieldSpec absent{"X-A", Test::Absent, ""};
  CHECK(contradicts({.headers = {is("x-a", "1"), absent}}));
  CHECK(contradicts({.headers = {absent, {"x-a", Test::Present, ""}}}));
  CHECK(contradicts({.cookies = {is("X-A", "1"), absent}}));
  CHECK_FALSE(contradicts({.cookies = {is("x-a", "1"), absent}}));
  CHECK_FALSE(contradicts({.headers = {is("X-A", "1")}, .query = {absent}}));
  CHECK_FALSE(contradicts({.headers = {is("X-A", "1"), is("X-A", "2")}}));
  CHECK(contradicts({.headers = {is("X-A", " padded")}}));
  CHECK(contradicts({.headers = {is("X-A", "padded ")}}));
  CHECK(contradicts({.headers = {is("X-A", "two\nlines")}}));
  CHECK(contradicts({.cookies = {is("a", "b;c")}}));
  CHECK_FALSE(contradicts({.query = {is("a", " b;c\n")}}));
}

TEST_CASE("a regex that cannot begin with a slash is found, for it was meant to search") {
  for (auto text : {"api/.*", "\\.png$", "v[0-9]+"}) {
    CHECK(only_finding(route(PathKind::Regex, text)).kind == Kind::Contradiction);
  }
  for (auto text : {".*\\.png", "(/a|b)/.*", "\\*", "/x", "[/b]x", "^/x$"}) {
    CHECK(findings_of({route(PathKind::Regex, text)}).empty());
  }
}

TEST_CASE("a condition that stands twice counts once") {
  auto twice = with_header(with_header(prefix("/a"), is("X", "1")), is("x", "1"));
  auto other = with_header(with_header(prefix("/a"), is("X", "1")), {"Y", Test::Present, ""});
  Hosts hosts{{{"*"}, {twice, other}}};
  CHECK(Router::compile(hosts).findings.empty());
  CHECK(hidden_in({twice, with_header(prefix("/a"), is("X", "1"))}) == "1<0");
}

TEST_CASE("a route behind one with the same paths and no more conditions is never reached") {
  CHECK(hidden_in({prefix("/a"), prefix("/a")}) == "1<0");
  CHECK(hidden_in({prefix("/a"), prefix("/a/")}) == "");
  CHECK(hidden_in({prefix("/a"), route(PathKind::Pattern, "/a/**")}) == "1<0");
  CHECK(hidden_in({route(PathKind::Exact, "/a"), route(PathKind::Pattern, "/a")}) == "1<0");
  CHECK(hidden_in({route(PathKind::Pattern, "/{a}/b"), route(PathKind::Pattern, "/*/b")}) == "1<0");
  CHECK(hidden_in({route(PathKind::Pattern, "/{a}/b"), route(PathKind::Pattern, "/b/*")}) == "");
  CHECK(hidden_in({route(PathKind::Regex, "/a+"), route(PathKind::Regex, "/a+")}) == "1<0");
  CHECK(hidden_in({route(PathKind::Regex, "/a+"), route(PathKind::Regex, "/b+"),
                   route(PathKind::Regex, "/a+")}) == "2<0");
  CHECK(hidden_in({{}, prefix("/"), {}}) == "1<0 2<0");
  CHECK(hidden_in({prefix("/%61"), prefix("/a")}) == "1<0");
}

TEST_CASE("more conditions are tried first, so they hide nothing and are not hidden") {
  auto get = prefix("/a");
  get.methods = {"GET"};
  CHECK(hidden_in({prefix("/a"), get}) == "");
  CHECK(hidden_in({get, prefix("/a")}) == "");
}

TEST_CASE("as many conditions hide a route when each of them asks for no more") {
  auto methods = [](std::vector<std::string> list) {
    auto spec = prefix("/a");
    spec.methods = std::move(list);
    return spec;
  };
  CHECK(hidden_in({methods({"GET", "POST"}), methods({"POST"})}) == "1<0");
  CHECK(hidden_in({methods({"GET"}), methods({"POST", "GET"})}) == "");
  CHECK(hidden_in({methods({"PURGE"}), methods({"LINK"})}) == "");
  CHECK(hidden_in({methods({"PURGE"}), methods({"PURGE"})}) == "1<0");
  auto sources = [](std::vector<std::string> list) {
    auto spec = prefix("/a");
    spec.sources = std::move(list);
    return spec;
  };
  CHECK(hidden_in({sources({"10.0.0.0/9", "10.128.0.0/9"}), sources({"10.0.0.0/8"})}) == "1<0");
  CHECK(hidden_in({sources({"10.0.0.0/8"}), sources({"10.1.0.0/16", "11.0.0.0/8"})}) == "");
  CHECK(hidden_in({sources({"0.0.0.0/0"}), sources({"::1"})}) == "");
}

TEST_CASE("one field's condition hides another's when it asks for less") {
  auto pair = [](FieldSpec wide, FieldSpec narrow) {
    return hidden_in({with_header(prefix("/a"), std::move(wide)),
                      with_header(prefix("/a"), std::move(narrow))}) == "1<0";
  };
  FieldSpec present{"X", Test::Present, ""};
  FieldSpec absent{"X", Test::Absent, ""};
  FieldSpec begins{"X", Test::Prefix, "ab"};
  FieldSpec matches{"X", Test::Regex, "ab.*"};
  CHECK(pair(present, is("X", "abc")));
  CHECK(pair(present, begins));
  CHECK(pair(present, matches));
  CHECK(pair(begins, is("X", "abc")));
  CHECK(pair(begins, {"X", Test::Prefix, "abc"}));
  CHECK(pair(matches, is("x", "abc")));
  CHECK(pair(matches, matches));
  CHECK(pair(absent, absent));
  CHECK_FALSE(pair(present, absent));
  CHECK_FALSE(pair(absent, present));
  CHECK_FALSE(pair(begins, is("X", "ba")));
  CHECK_FALSE(pair(begins, is("Y", "abc")));
  CHECK_FALSE(pair(is("X", "abc"), begins));
  CHECK_FALSE(pair(is("X", "a"), is("X", "b")));
}

TEST_CASE("a regex below a prefix is never reached") {
  auto regex = [](std::string text) { return route(PathKind::Regex, std::move(text)); };
  CHECK(hidden_in({regex("/api/v[0-9]+/.*"), prefix("/api")}) == "0<1");
  CHECK(hidden_in({regex("/api/v[0-9]+/.*"), prefix("/api/")}) == "0<1");
  CHECK(hidden_in({regex("/api/v1/(a|b)"), prefix("/api/v1")}) == "0<1");
  CHECK(hidden_in({regex("/api"), route(PathKind::Exact, "/api")}) == "0<1");
  CHECK(hidden_in({regex("/api.*"), prefix("/api")}) == "");
  CHECK(hidden_in({regex("/(api|web)/.*"), prefix("/api")}) == "");
  CHECK(hidden_in({regex("/api0|/api/x"), prefix("/api")}) == "");
  CHECK(hidden_in({regex("/api/.*"), prefix("/")}) == "");
  auto get = prefix("/api");
  get.methods = {"GET"};
  CHECK(hidden_in({regex("/api/.*"), get}) == "");
  auto both = regex("/api/.*");
  both.methods = {"GET"};
  both.headers = {is("X", "1")};
  CHECK(hidden_in({both, get}) == "0<1");
}

TEST_CASE("a regex for everything hides what asks for no path") {
  CHECK(hidden_in({prefix("/"), route(PathKind::Regex, ".*")}) == "0<1");
}

TEST_CASE("ten thousand routes with one path and a key each are compared without trouble") {
  Routes routes;
  for (int i = 0; i < 10'000; ++i) {
    routes.push_back(with_header(prefix("/"), is("X-Routing-Key", "key-" + std::to_string(i))));
  }
  routes.push_back(with_header(prefix("/"), is("X-Routing-Key", "key-7")));
  CHECK(hidden_in(routes) == "10000<7");
}

TEST_SUITE_END();
