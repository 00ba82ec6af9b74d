#include "config/rate_reader.h"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include "config/explain.h"
#include "config/load.h"

namespace cirque::config {
namespace {

std::optional<std::string> nothing(std::string_view) {
  return std::nullopt;
}

RatePlan plan_of(const RateLimit& limit) {
  Report report("t", {});
  auto plan = rate_plan_of(limit, Places(), report);
  CHECK(report.take().empty());
  return plan;
}

constexpr std::string_view kFile = R"(
listeners: [{name: web, address: '127.0.0.1:8080', rate_limits: [all]}]
virtual_hosts:
  - {name: a, hosts: [a], rate_limits: [host, all], routes: [{path: /x, name: x, pool: p, rate_limits: [route]},
                                                             {path: /y, redirect: {path: /x}},
                                                             {path: /t, routing_table: t}]}
  - {name: b, hosts: [b], routes: [{pool: q}]}
pools:
  - {name: p, backends: ['127.0.0.1:3000'], rate_limits: [pool, host]}
  - {name: q, backends: ['127.0.0.1:3000']}
routing_tables: [{name: t, keys: {acme: p}, default: q, rate_limits: {acme: key, other: key}}]
rate_limits:
  - {name: all, requests: 1}
  - {name: host, requests: 1}
  - {name: route, requests: 1}
  - {name: pool, requests: 1}
  - {name: key, requests: 1}
)";

}  // namespace

TEST_SUITE_BEGIN("config");

TEST_CASE("a rate limit's plan has its rate, its key and its words") {
  auto plan =
      plan_of({.name = "login", .requests = 5, .per = 60s, .key = {"address", "header:X-Api-Key"}});
  CHECK(plan.rate.interval == 12s);
  CHECK(plan.rate.depth == 60s);
  REQUIRE(plan.key.size() == 2);
  CHECK(plan.key[1] == RequestPart{.kind = RequestPart::Kind::Header, .name = "x-api-key"});
  CHECK(plan.policy == "\"login\";q=5;w=60");
  CHECK(plan.told == "login: 5 in 1m, 5 at once, by address (/32, /64) and header x-api-key");
  CHECK(plan.entries == 100'000);
}

TEST_CASE("a rate limit without a key is one account") {
  auto plan = plan_of({.name = "all", .requests = 1000, .burst = 10, .dry_run = true});
  CHECK(plan.entries == 1);
  CHECK(plan.rate.depth == 10ms);
  CHECK(plan.told == "all: 1000 in 1s, 10 at once, all requests together, dry run");
}

TEST_CASE("the window of a policy is told in whole seconds, never too short") {
  CHECK(plan_of({.name = "a", .requests = 1, .per = 1500ms}).policy == "\"a\";q=1;w=2");
}

TEST_CASE("a request meets the limits of all places that it passes, each once") {
  auto loaded = load_text(kFile, "t.yaml", nothing);
  REQUIRE(loaded.ok());
  auto met_by = [&](std::string_view host, std::string_view path, std::string_view key) {
    Arena arena;
    Headers headers(arena);
    if (!key.empty()) headers.add("X-Routing-Key", key);
    route::Facts facts{.host = host, .path = path, .headers = &headers};
    const auto& lane = loaded.blueprint->lanes.front();
    return explain_line(*loaded.blueprint, lane, loaded.blueprint->decide(lane, facts, 0));
  };
  CHECK(met_by("a", "/x", "") ==
        "listener=web; virtual_host=a; route=x; rate_limits=all,host,route,pool; pool=p");
  CHECK(met_by("a", "/y", "") == "listener=web; virtual_host=a; rate_limits=all,host; status=308");
  CHECK(met_by("a", "/nowhere", "").find("rate_limits=all,host;") != std::string::npos);
  CHECK(met_by("b", "/", "").find("rate_limits=all;") != std::string::npos);
  CHECK(met_by("nobody", "/", "").find("rate_limits=all;") != std::string::npos);
  CHECK(met_by("a", "/t", "acme").find("rate_limits=all,host,key,pool;") != std::string::npos);
  CHECK(met_by("a", "/t", "other").find("rate_limits=all,host,key;") != std::string::npos);
  CHECK(met_by("a", "/t", "third").find("rate_limits=all,host;") != std::string::npos);
}

TEST_CASE("where there is one route for everything, nobody looks for it") {
  auto with = [](std::string_view more) {
    auto text = fmt::format(
        "listeners: [{{name: web, address: '127.0.0.1:8080'}}]\n"
        "virtual_hosts: [{{name: h, hosts: ['*'], routes: [{{pool: p}}]}}]\n"
        "pools: [{{name: p, backends: ['127.0.0.1:3000']{}}}]\n"
        "rate_limits: [{{name: a, requests: 1}}]\n",
        more);
    return load_text(text, "t.yaml", nothing);
  };
  CHECK(with("").blueprint->lanes.front().only_pool == 0);

  struct Case {
    std::string_view more;
    std::size_t rates;
  };

  for (auto [more, rates] : {Case{", rate_limits: [a]", 1}, Case{", concurrency_limit: 9", 0}}) {
    INFO(more);
    auto loaded = with(more);
    REQUIRE(loaded.ok());
    const auto& blueprint = *loaded.blueprint;
    const auto& lane = blueprint.lanes.front();
    CHECK(lane.only_pool == kNone);
    REQUIRE(lane.only_route != kNone);
    auto short_way = blueprint.only_decision(lane);
    auto long_way = blueprint.decide(lane, {.host = "a"}, 0);
    CHECK(short_way.kind == long_way.kind);
    CHECK(short_way.index == long_way.index);
    CHECK(short_way.route == long_way.route);
    CHECK(short_way.host == long_way.host);
    CHECK(blueprint.rates_met(lane, short_way).size() == rates);
    CHECK(lane.only_rates.size() == rates);
  }
}

TEST_SUITE_END();

}  // namespace cirque::config
