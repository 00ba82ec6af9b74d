#include "observe/access_format.h"

#include <doctest/doctest.h>

#include <string>

namespace cirque::observe {
namespace {

AccessEntry usual_entry() {
  AccessEntry entry;
  entry.unix_us = 1'795'212'000'123'456;  // 2026-11-20T22:00:00.123456Z
  entry.request_id = "0193a1b2";
  entry.client = Address::parse("127.0.0.1:54321").value();
  entry.method = "GET";
  entry.host = "example.com";
  entry.target = "/a?b=c";
  entry.user_agent = "curl/8";
  entry.service = "api";
  entry.backend = "127.0.0.1:3001";
  entry.status = 200;
  entry.reused = true;
  entry.attempts = 1;
  entry.bytes_out = 100;
  entry.duration_us = 1523;
  entry.connect_us = 0;
  entry.upstream_us = 1310;
  return entry;
}

std::string line_of(AccessFormatter& formatter, AccessFormat format, const AccessEntry& entry) {
  std::string line(AccessFormatter::size_max(entry), '\0');
  char* end = formatter.write(line.data(), format, entry);
  line.resize(static_cast<std::size_t>(end - line.data()));
  return line;
}

std::string line_of(AccessFormat format, const AccessEntry& entry) {
  AccessFormatter formatter;
  return line_of(formatter, format, entry);
}

}  // namespace

TEST_SUITE_BEGIN("observe");

TEST_CASE("a request is one JSON object") {
  CHECK(line_of(AccessFormat::Json, usual_entry()) ==
        "{\"ts\":\"2026-11-20T22:00:00.123Z\",\"request_id\":\"0193a1b2\","
        "\"client\":\"127.0.0.1\",\"method\":\"GET\",\"host\":\"example.com\",\"path\":\"/a?b=c\","
        "\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes_in\":0,\"bytes_out\":100,"
        "\"service\":\"api\",\"backend\":\"127.0.0.1:3001\",\"reused\":true,\"attempts\":1,"
        "\"duration_ms\":1.523,\"connect_ms\":0.000,\"upstream_ms\":1.310,\"overhead_ms\":0.213,"
        "\"user_agent\":\"curl/8\"}\n");
}

TEST_CASE("the route and what the app has to say are told") {
  Arena arena;
  Headers fields(arena);
  fields.add("routing_key", "a\"b");
  auto entry = usual_entry();
  entry.route = "shop/cart";
  entry.fields = &fields;
  CHECK(line_of(AccessFormat::Json, entry)
            .contains("\"route\":\"shop/cart\",\"routing_key\":\"a\\\"b\",\"backend\""));
  CHECK(line_of(AccessFormat::Text, entry).contains("  route shop/cart  routing_key a"));
  std::string long_value(5000, 'x');
  fields.add("upstream", long_value);
  CHECK(AccessFormatter::is_too_long(entry));
  CutEntry cut(entry);
  CHECK_FALSE(AccessFormatter::is_too_long(cut.entry()));
  CHECK(line_of(AccessFormat::Json, cut.entry()).contains("xxx...\""));
}

TEST_CASE("JSON leaves out what did not happen") {
  auto entry = usual_entry();
  entry.status = 503;
  entry.reason = "no_healthy_backend";
  entry.backend = entry.user_agent = {};
  entry.connect_us = entry.upstream_us = -1;
  entry.referer = "http://a/";
  entry.story = "all backends are down";
  auto line = line_of(AccessFormat::Json, entry);
  CHECK(line.contains("\"status\":503,\"reason\":\"no_healthy_backend\",\"bytes_in\""));
  CHECK(
      line.ends_with("\"service\":\"api\",\"attempts\":1,\"duration_ms\":1.523,"
                     "\"overhead_ms\":1.523,\"referer\":\"http://a/\","
                     "\"story\":\"all backends are down\"}\n"));
}

TEST_CASE("an overhead that was measured goes before one that is reckoned") {
  auto entry = usual_entry();
  entry.overhead_us = 42;
  CHECK(line_of(AccessFormat::Json, entry).contains("\"overhead_ms\":0.042"));
}

TEST_CASE("a client cannot forge a JSON line") {
  auto entry = usual_entry();
  entry.target = "/\"}\n{\"status\":\"\xff";
  entry.user_agent = "a\\\x1b[2J\xc2\x9b";
  auto line = line_of(AccessFormat::Json, entry);
  CHECK(line.contains("\"path\":\"/\\\"}\\u000a{\\\"status\\\":\\\"\\u00ff\""));
  CHECK(line.contains("\"user_agent\":\"a\\\\\\u001b[2J\\u009b\""));
  CHECK(line.find('\n') == line.size() - 1);
}

TEST_CASE("the combined format is that of Apache and nginx") {
  auto entry = usual_entry();
  entry.referer = "http://a/\"\n\xe9";
  CHECK(line_of(AccessFormat::Combined, entry) ==
        "127.0.0.1 - - [20/Nov/2026:22:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 100 "
        "\"http://a/\\x22\\x0A\\xE9\" \"curl/8\"\n");
}

TEST_CASE("a request line that could not be read is a dash in the combined format") {
  AccessEntry entry;
  entry.client = Address::parse("[::1]:1").value();
  entry.status = 400;
  entry.reason = "bad_request_line";
  CHECK(line_of(AccessFormat::Combined, entry) ==
        "::1 - - [01/Jan/1970:00:00:00 +0000] \"-\" 400 0 \"-\" \"-\"\n");
}

TEST_CASE("the text format has columns") {
  auto entry = usual_entry();
  auto usual = line_of(AccessFormat::Text, entry);
  CHECK(usual ==
        "2026-11-20T22:00:00.123Z 200 GET          1.523 ms       100 B  example.com/a?b=c"
        "  from 127.0.0.1  service api  to 127.0.0.1:3001 (reused)  id 0193a1b2\n");
  entry.method = "DELETE";
  entry.duration_us = 12'345'678;
  entry.bytes_out = 1'234'567;
  entry.reused = false;
  entry.status = 502;
  entry.reason = "upstream_reset";
  entry.story = "retried";
  auto odd = line_of(AccessFormat::Text, entry);
  CHECK(odd.find("example.com") == usual.find("example.com"));
  CHECK(odd.contains(" 12345.678 ms   1234567 B  "));
  CHECK(odd.contains("(new)  because upstream_reset  [retried]  id "));
}

TEST_CASE("a number that is wider than its column moves the rest") {
  auto entry = usual_entry();
  entry.bytes_out = ~std::uint64_t{0};
  CHECK(line_of(AccessFormat::Text, entry).contains("ms18446744073709551615 B  example.com"));
}

TEST_CASE("every version has its name") {
  auto entry = usual_entry();
  entry.version = Version::Http10;
  CHECK(line_of(AccessFormat::Combined, entry).contains("HTTP/1.0\""));
  entry.version = Version::Http3;
  CHECK(line_of(AccessFormat::Combined, entry).contains("HTTP/3.0\""));
}

TEST_CASE("the remembered second changes with the time") {
  AccessFormatter formatter;
  auto entry = usual_entry();
  CHECK(line_of(formatter, AccessFormat::Json, entry).contains("22:00:00.123Z"));
  entry.unix_us += 876'544;  // to 22:00:01.000
  CHECK(line_of(formatter, AccessFormat::Json, entry).contains("22:00:01.000Z"));
}

TEST_CASE("a text that is too long is cut and marked") {
  AccessEntry entry;
  auto target = std::string(AccessFormatter::kTargetMax, 't');
  entry.target = target;
  CHECK_FALSE(AccessFormatter::is_too_long(entry));
  CHECK(CutEntry(entry).entry().target == target);
  target += 't';
  entry.target = target;
  CHECK(AccessFormatter::is_too_long(entry));
  CutEntry cut(entry);
  CHECK_FALSE(AccessFormatter::is_too_long(cut.entry()));
  CHECK(cut.entry().target.size() == AccessFormatter::kTargetMax);
  CHECK(cut.entry().target.ends_with("t..."));
}

TEST_CASE("no UTF-8 sequence is cut in two") {
  for (std::size_t before = 0; before < 4; ++before) {
    AccessEntry entry;
    auto agent = std::string(before, 'a');
    while (agent.size() <= AccessFormatter::kTextMax) agent += "\U0001f600";
    entry.user_agent = agent;
    CHECK(AccessFormatter::is_too_long(entry));
    CutEntry cut(entry);
    auto kept = cut.entry().user_agent;
    REQUIRE(kept.ends_with("..."));
    CHECK((kept.size() - 3 - before) % 4 == 0);
  }
}

TEST_CASE("a line of the longest texts at their worst fits its buffer") {
  AccessEntry entry;
  std::string bad(2048, '\xff');
  std::string address = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535";
  entry.client = Address::parse(address).value();
  for (auto* text :
       {&entry.request_id, &entry.method, &entry.host, &entry.target, &entry.user_agent,
        &entry.referer, &entry.service, &entry.backend, &entry.reason, &entry.story}) {
    *text = bad;
  }
  entry.unix_us = 1'795'212'000'123'456;
  entry.status = 599;
  entry.attempts = ~0U;
  entry.bytes_in = entry.bytes_out = ~std::uint64_t{0};
  entry.duration_us = entry.connect_us = entry.upstream_us = INT64_MAX;
  entry.overhead_us = INT64_MAX;
  for (auto format : {AccessFormat::Json, AccessFormat::Text, AccessFormat::Combined}) {
    auto line = line_of(format, entry);
    CHECK(line.ends_with('\n'));
    CHECK(std::string_view(line.c_str()).size() == line.size());
  }
}

TEST_SUITE_END();

}  // namespace cirque::observe
