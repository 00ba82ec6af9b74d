#include "config/replay.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "config/load.h"

namespace cirque::config {
namespace {

std::shared_ptr<const Blueprint> plan_of(std::string_view routes, std::string_view more = "") {
  auto loaded =
      load_text(fmt::format("listeners: [{{name: web, address: '0.0.0.0:80'}}]\n"
                            "pools: [{{name: a, backends: ['10.0.0.1:80']}}, "
                            "{{name: b, backends: ['10.0.0.2:80']}}]\n"
                            "virtual_hosts: [{{name: h, hosts: ['*'], routes: [{}]}}]\n{}",
                            routes, more),
                "t.yaml");
  INFO(render(loaded.findings));
  REQUIRE(loaded.ok());
  return loaded.blueprint;
}

// A request as the sampler keeps it.
Sample taken(const Blueprint& in_use, std::string url, std::vector<TableEntry> headers = {}) {
  Sample sample{.listener = "web",
                .asked = {.method = "GET", .url = std::move(url), .headers = {}, .from = {}},
                .kept = in_use.interests};
  auto whole = sample.asked;
  whole.headers = headers;
  auto question = Question::of(whole, in_use.trusted_proxies);
  REQUIRE(question);
  const auto& lane = in_use.lanes.front();
  judge_secrets(*lane.router, lane.secrets, (*question)->facts(), sample.secrets);
  for (auto& field : headers) {
    if (!is_secret_field(field.key)) sample.asked.headers.push_back(std::move(field));
  }
  return sample;
}

constexpr std::string_view kSecret =
    "{name: s, headers: [{name: Authorization, prefix: 'Bearer '}], ";

}  // namespace

TEST_SUITE("config") {
  TEST_CASE("each request that would move is listed, with how often it came") {
    auto before = plan_of("{pool: a}");
    auto after = plan_of("{path_prefix: /x, pool: b}, {pool: a}");
    std::vector<Sample> samples;
    for (auto url : {"http://h/x/1", "http://h/x/2", "http://h/x/1", "http://h/y"}) {
      samples.push_back(taken(*before, url));
    }
    CHECK(render(replay(samples, *before, *after)) ==
          "replay: 3 of the last 4 requests would go elsewhere\n"
          "       3  pool a → pool b\n"
          "          2  GET http://h/x/1\n"
          "          1  GET http://h/x/2\n");
  }

  TEST_CASE("a list of requests has an end, which says how many are left") {
    auto before = plan_of("{pool: a}");
    auto after = plan_of("{pool: b}");
    std::vector<Sample> samples;
    for (int i = 0; i < 103; ++i) samples.push_back(taken(*before, fmt::format("http://h/{}", i)));
    samples.push_back(samples.back());
    auto told = render(replay(samples, *before, *after));
    CHECK(std::ranges::count(told, '\n') == 103);
    CHECK(told.contains("\n          2  GET http://h/102\n"));
    CHECK(told.ends_with("\n          3  others, of 3 kinds\n"));
  }

  TEST_CASE("of which too much is unknown is not guessed, of however many routes it may be") {
    std::string routes;
    for (int i = 0; i < 2'000; ++i) {
      routes +=
          fmt::format("{{name: r{0}, headers: [{{name: X-{0}}}], respond: {{status: 200}}}}, ", i);
    }
    auto before = plan_of("{pool: a}");
    auto after = plan_of(routes + "{pool: a}");
    std::vector<Sample> samples(100, taken(*before, "http://h/"));
    auto told = replay(samples, *before, *after);
    CHECK(told.tried == 100);
    CHECK(told.moves.empty());
    REQUIRE(told.doubts.size() == 1);
    CHECK(told.doubts[0].count == 100);
    CHECK(told.doubts[0].why == "route h/r0 asks for header x-0");
  }

  TEST_CASE("what a secret field says decides, though nobody keeps it") {
    auto before = plan_of(fmt::format("{}pool: a}}, {{pool: a}}", kSecret));
    auto after = plan_of(fmt::format("{}pool: b}}, {{pool: a}}", kSecret));
    std::vector<Sample> samples = {
        taken(*before, "http://h/1", {{"Authorization", "Bearer abc"}}),
        taken(*before, "http://h/2", {{"Authorization", "Basic abc"}}),
        taken(*before, "http://h/3"),
    };
    CHECK(samples[0].asked.headers.empty());
    CHECK(render(replay(samples, *before, *after)) ==
          "replay: 1 of the last 3 requests would go elsewhere\n"
          "       1  pool a → pool b\n"
          "          1  GET http://h/1\n");
    CHECK(replay(samples, *before, *before).moves.empty());
    CHECK(replay(samples, *before, *before).doubts.empty());
  }

  TEST_CASE("what a secret field would have to say to a new route is not known, and is told so") {
    auto before = plan_of("{pool: a}");
    auto after = plan_of(fmt::format("{}pool: b}}, {{pool: a}}", kSecret));
    std::vector<Sample> samples = {
        taken(*before, "http://h/1", {{"Authorization", "Bearer abc"}}),
        taken(*before, "http://h/2"),
    };
    CHECK(
        render(replay(samples, *before, *after)) ==
        "replay: 0 of the last 2 requests would go elsewhere\n"
        "       1  cannot be judged: route h/s asks for header authorization, of which too little "
        "is kept\n");
    auto there = plan_of("{name: s, headers: [{name: Authorization}], pool: b}, {pool: a}");
    CHECK(replay(samples, *before, *there).moves.front().count == 1);
    CHECK(replay(samples, *before, *there).doubts.empty());
  }

  TEST_CASE("where all ways lead elsewhere, a request moves") {
    auto before = plan_of("{pool: a}");
    auto after = plan_of(
        "{headers: [{name: X-New}], respond: {status: 410}}, {path: /same, pool: a}, "
        "{pool: b}");
    std::vector<Sample> samples = {taken(*before, "http://h/1"), taken(*before, "http://h/same")};
    auto told = render(replay(samples, *before, *after));
    CHECK(told.contains("       1  pool a → answered with 410 or pool b\n"));
    CHECK(told.contains("1 of the last 2"));
    CHECK(told.contains("  header x-new is asked for newly"));
  }

  TEST_CASE("requests that came under another configuration have only what that asked for") {
    auto first = plan_of("{pool: a}");
    auto before = plan_of("{name: n, headers: [{name: X-New}], pool: a}, {pool: a}");
    auto after = plan_of("{name: n, headers: [{name: X-New}], pool: b}, {pool: a}");
    std::vector<Sample> samples = {taken(*first, "http://h/1"), taken(*before, "http://h/2")};
    CHECK(render(replay(samples, *before, *after)) ==
          "replay: 0 of the last 2 requests would go elsewhere\n"
          "       1  cannot be judged: route h/n asks for header x-new, of which too little is "
          "kept\n");
  }

  TEST_CASE("a table that is keyed by a secret field is not judged") {
    constexpr std::string_view kTable =
        "routing_tables: [{name: t, header: Authorization, keys: {k: a}, default: b}]\n";
    auto before = plan_of("{pool: a}, {path: /b, pool: b}");
    auto after = plan_of("{name: r, routing_table: t}, {path: /b, pool: b}", kTable);
    std::vector<Sample> samples = {taken(*before, "http://h/1", {{"Authorization", "k"}}),
                                   taken(*before, "http://h/2")};
    auto result = replay(samples, *before, *after);
    REQUIRE(result.moves.size() == 1);
    CHECK(result.moves[0].to == "refused with 400 routing_key_missing");
    REQUIRE(result.doubts.size() == 1);
    CHECK(result.doubts[0].why == "routing table t asks for header authorization");
  }

  TEST_CASE("who is believed to tell of a client is a matter of the configuration") {
    constexpr std::string_view kRoutes = "{sources: ['203.0.113.0/24'], pool: b}, {pool: a}";
    auto before = plan_of(kRoutes);
    auto after = plan_of(kRoutes, "server: {trusted_proxies: ['127.0.0.1']}\n");
    std::vector<Sample> samples = {
        taken(*before, "http://h/1", {{"X-Forwarded-For", "203.0.113.9"}})};
    CHECK(replay(samples, *before, *after).moves.size() == 1);
    CHECK(replay(samples, *before, *before).moves.empty());
  }
}

}  // namespace cirque::config
