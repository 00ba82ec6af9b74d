#include "control/rate_limits.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <deque>

#include "config/load.h"

namespace cirque::control {
namespace {

constexpr Time kStart = Time(1000h);

std::optional<std::string> nothing(std::string_view) {
  return std::nullopt;
}

struct Asked final : Exchange {
  explicit Asked(const Link& link) : Exchange(link) { started = kStart; }

  std::string told(std::string_view name) { return std::string(stamps().get(name)); }
};

struct Way {
  std::string_view from = "10.0.0.1";
  std::string_view host = "a.example";
  std::string_view target = "/";
  std::vector<std::pair<std::string_view, std::string_view>> fields = {};
  Time at = kStart;
};

// A listener with what one file says of it.
class Door {
 public:
  // `limits`: items of the list rate_limits; the route names the limits in `named`.
  Door(std::string_view named, std::string_view limits) {
    auto text = fmt::format(
        "listeners: [{{name: web, address: '127.0.0.1:8080'}}]\n"
        "virtual_hosts: [{{name: h, hosts: ['*'], routes: [{{pool: p, rate_limits: [{}]}}, {{path: "
        "/b, "
        "name: b, pool: q, rate_limits: [{}]}}]}}]\n"
        "pools: [{{name: p, backends: ['127.0.0.1:3000']}}, {{name: q, backends: "
        "['127.0.0.1:3001']}}]\n"
        "rate_limits: [{}]\n",
        named, named, limits);
    auto loaded = config::load_text(text, "t.yaml", nothing);
    INFO(config::render(loaded.findings));
    REQUIRE(loaded.ok());
    lane_.blueprint = loaded.blueprint;
    lane_.plan = &lane_.blueprint->lanes.front();
    for (const auto& plan : lane_.blueprint->rates) {
      lane_.rates.push_back(std::make_shared<RateAccounts>(plan.entries));
    }
  }

  Asked& ask(const Way& way = {}) {
    auto& link = links_.emplace_back();
    link.client = way.from.starts_with('/') ? Address::parse("unix:/x").value()
                                            : Address::parse_ip(way.from, 7).value();
    auto& asked = asked_.emplace_back(link);
    asked.started = way.at;
    asked.request.authority = way.host;
    asked.request.target = way.target;
    for (auto [name, value] : way.fields) asked.request.headers.add(name, value);
    auto facts = route::Facts::of(asked.request, link.client);
    auto decision = lane_.blueprint->decide(*lane_.plan, facts, 0);
    auto met = meet_rate_limits(asked, lane_, decision);
    asked.reason = met ? "" : met.error().reason;
    return asked;
  }

  bool passes(const Way& way = {}) { return ask(way).reason.empty(); }

  const RateAccounts& accounts(std::size_t i) const { return *lane_.rates[i]; }

 private:
  Lane lane_;
  std::deque<Link> links_;
  std::deque<Asked> asked_;
};

}  // namespace

TEST_SUITE_BEGIN("control");

TEST_CASE("a rate limit refuses with what the client has to know") {
  Door door("login", "{name: login, requests: 2, per: 1h, key: [address]}");
  CHECK(door.passes());
  CHECK(door.passes());
  auto& refused = door.ask();
  CHECK(refused.reason == "rate_limited");
  CHECK(refused.told("Retry-After") == "1800");
  CHECK(refused.told("RateLimit-Policy") == "\"login\";q=2;w=3600");
  CHECK(refused.told("RateLimit") == "\"login\";r=0;t=3600");
  CHECK(refused.log_fields().get("rate_limit") == "login");
  CHECK(refused.story() == "rate limit 'login' is used up");
  CHECK(door.accounts(0).refused == 1);
  CHECK(door.passes({.from = "10.0.0.2"}));
  CHECK_FALSE(door.passes({.at = kStart + 29min}));
  CHECK(door.passes({.at = kStart + 30min}));
}

TEST_CASE("Retry-After is never 0") {
  Door door("a", "{name: a, requests: 1000, burst: 1}");
  CHECK(door.passes());
  CHECK(door.ask().told("Retry-After") == "1");
}

TEST_CASE("addresses count by their prefixes, and the two families apart") {
  Door door("a", "{name: a, requests: 1, per: 1h, key: [address], ipv4_prefix: 24}");
  CHECK(door.passes({.from = "10.0.0.1"}));
  CHECK_FALSE(door.passes({.from = "10.0.0.255"}));
  CHECK(door.passes({.from = "10.0.1.1"}));
  CHECK(door.passes({.from = "2001:db8::1"}));
  CHECK_FALSE(door.passes({.from = "2001:db8::ffff:ffff:ffff:ffff"}));
  CHECK(door.passes({.from = "2001:db8:0:1::1"}));
  CHECK(door.passes({.from = "a00::"}));  // the bytes of 10.0.0.0
  CHECK(door.passes({.from = "/"}));
  CHECK_FALSE(door.passes({.from = "/"}));
}

TEST_CASE("whole addresses, and no bit of them") {
  Door whole("a", "{name: a, requests: 1, per: 1h, key: [address], ipv6_prefix: 128}");
  CHECK(whole.passes({.from = "2001:db8::1"}));
  CHECK(whole.passes({.from = "2001:db8::2"}));
  CHECK_FALSE(whole.passes({.from = "2001:db8::2"}));
  Door none("a", "{name: a, requests: 1, per: 1h, key: [address], ipv4_prefix: 0, ipv6_prefix: 0}");
  CHECK(none.passes({.from = "10.0.0.1"}));
  CHECK_FALSE(none.passes({.from = "192.0.2.1"}));
  CHECK(none.passes({.from = "::1"}));
  CHECK_FALSE(none.passes({.from = "2001:db8::2"}));
}

TEST_CASE("what a request does not have is one account") {
  Door door("a", "{name: a, requests: 1, per: 1h, key: ['header:X-Key']}");
  CHECK(door.passes());
  CHECK_FALSE(door.passes());
  CHECK_FALSE(door.passes({.fields = {{"X-Key", ""}}}));
  CHECK(door.passes({.fields = {{"x-key", "one"}}}));
  CHECK_FALSE(door.passes({.fields = {{"X-KEY", "one"}, {"X-Key", "other"}}}));
  CHECK(door.passes({.fields = {{"X-Key", "One"}}}));
}

TEST_CASE("a parameter counts as decoded") {
  Door door("a", "{name: a, requests: 1, per: 1h, key: ['query:us%er']}");
  CHECK(door.passes({.target = "/?us%25er=acme"}));
  CHECK_FALSE(door.passes({.target = "/?x=1&us%25er=%61c%6de&us%25er=other"}));
  CHECK(door.passes({.target = "/?us%25er=acm"}));
  CHECK(door.passes({.target = "/?user=acme"}));
  CHECK_FALSE(door.passes({.target = "/"}));
}

TEST_CASE("a cookie is found among many") {
  Door door("a", "{name: a, requests: 1, per: 1h, key: ['cookie:sid']}");
  CHECK(door.passes({.fields = {{"Cookie", "a=1; sid=7; b=2"}}}));
  CHECK_FALSE(door.passes({.fields = {{"Cookie", "x=y"}, {"Cookie", "sid=7"}}}));
  CHECK(door.passes({.fields = {{"Cookie", "Sid=7"}}}));
  CHECK_FALSE(door.passes({.fields = {{"Cookie", "x=7"}}}));
}

TEST_CASE("a host is the same however it is spelt") {
  Door door("a", "{name: a, requests: 1, per: 1h, key: [host]}");
  CHECK(door.passes({.host = "a.example"}));
  CHECK_FALSE(door.passes({.host = "A.Example.:8080"}));
  CHECK(door.passes({.host = "b.example"}));
}

TEST_CASE("routes, pools and methods have accounts of their own") {
  for (auto key : {"route", "pool"}) {
    CAPTURE(key);
    Door door("a", fmt::format("{{name: a, requests: 1, per: 1h, key: [{}]}}", key));
    CHECK(door.passes());
    CHECK(door.passes({.target = "/b"}));
    CHECK_FALSE(door.passes());
    CHECK_FALSE(door.passes({.target = "/b"}));
  }
  Door door("a", "{name: a, requests: 1, per: 1h, key: [listener, method]}");
  CHECK(door.passes());
  CHECK_FALSE(door.passes({.target = "/b"}));
}

TEST_CASE("what one limit refuses the others do not count") {
  Door door(
      "tight, wide",
      "{name: wide, requests: 3, per: 1h}, {name: tight, requests: 1, per: 2h, key: [address]}");
  CHECK(door.passes({.from = "10.0.0.1"}));
  for (int i = 0; i < 10; ++i) CHECK_FALSE(door.passes({.from = "10.0.0.1"}));
  CHECK(door.passes({.from = "10.0.0.2"}));
  CHECK(door.passes({.from = "10.0.0.3"}));
  auto& refused = door.ask({.from = "10.0.0.3"});  // by both: it has to wait for the slower one
  CHECK(refused.log_fields().get("rate_limit") == "tight");
  CHECK(refused.told("Retry-After") == "7200");
  CHECK(refused.told("RateLimit-Policy") == "\"tight\";q=1;w=7200, \"wide\";q=3;w=3600");
  CHECK(door.ask({.from = "10.0.0.4"}).log_fields().get("rate_limit") == "wide");
  CHECK(door.accounts(0).refused == 1);
  CHECK(door.accounts(1).refused == 11);
}

TEST_CASE("a dry run counts and tells, and lets pass") {
  Door door("dry, real",
            "{name: dry, requests: 1, per: 1h, dry_run: true, headers: true}, {name: real, "
            "requests: 3, per: 1h}");
  CHECK(door.passes());
  auto& told = door.ask();
  CHECK(told.reason.empty());
  CHECK(told.log_fields().get("rate_limit_dry_run") == "dry");
  CHECK(told.told("RateLimit").empty());
  CHECK(door.passes());
  auto& refused = door.ask();
  CHECK(refused.log_fields().get("rate_limit") == "real");
  CHECK(refused.told("RateLimit-Policy") == "\"real\";q=3;w=3600");
  CHECK(door.accounts(0).refused == 0);
  CHECK(door.accounts(0).let_pass == 2);
}

TEST_CASE("clients are told what they have left where the limit says so") {
  Door door(
      "quiet, loud",
      "{name: quiet, requests: 9, per: 1h}, {name: loud, requests: 3, per: 1m, headers: true}");
  auto& first = door.ask();
  CHECK(first.told("RateLimit-Policy") == "\"loud\";q=3;w=60");
  CHECK(first.told("RateLimit") == "\"loud\";r=2;t=20");
  CHECK(door.ask().told("RateLimit") == "\"loud\";r=1;t=40");
}

TEST_SUITE_END();

}  // namespace cirque::control
