#include "config/explain.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

#include "config/load.h"

namespace cirque::config {
namespace {

// A proxy whose pools are in the state that a test gives them.
struct World {
  explicit World(std::string_view settings)
      : loaded(
            load_text(fmt::format("listeners: [{{name: web, address: '0.0.0.0:80'}}]\n"
                                  "virtual_hosts: [{{hosts: ['*'], routes: [{{pool: main}}]}}]\n"
                                  "pools:\n"
                                  "- {{name: main, backends: ['10.0.0.1:80'], fallback: spare{}}}\n"
                                  "- {{name: spare, backends: ['10.0.0.2:80']}}\n",
                                  settings),
                      "t.yaml")) {
    REQUIRE(loaded.ok());
    for (auto& state : states) {
      state.has_healthy = true;
      state.origins = {{.is_known = true, .is_healthy = true, .members = 1, .usable = 1}};
    }
  }

  std::string told() {
    auto question =
        Question::of({.method = "GET", .url = "http://a.example/", .headers = {}, .from = {}});
    ExplainOptions options;
    options.look = [this](std::uint32_t pool) {
      ++looks[pool];
      return states[pool];
    };
    return explain_text(loaded.model, *loaded.blueprint, **question, options);
  }

  Loaded loaded;
  PoolState states[2];
  std::map<std::uint32_t, int> looks;
};

TEST_SUITE("config") {
  TEST_CASE("an explanation looks once at each pool") {
    World world("");
    world.states[0].has_healthy = false;
    auto told = world.told();
    CHECK(told.contains("\npool           main: none of its backends is healthy\n"));
    CHECK(told.contains("\noutcome        pool spare, which stands in for main"));
    CHECK(world.looks == std::map<std::uint32_t, int>{{0, 1}, {1, 1}});
  }

  TEST_CASE("a pool that is full takes nothing, whoever would stand in") {
    World world(", concurrency_limit: 3");
    world.states[0].places_max = 3;
    world.states[0].places = 2;
    CHECK(world.told().contains("\noutcome        pool main\n"));
    world.states[0].places = 3;
    auto told = world.told();
    CHECK(told.contains("\npool           main: full, 3 of 3 requests are under way and 0 wait\n"));
    CHECK(told.contains("\noutcome        answered here with 429: concurrency_limit\n"));
  }

  TEST_CASE("with a queue requests wait, until that is full as well") {
    World world(", concurrency_limit: 3, queue: {size: 2}");
    world.states[0].places_max = 3;
    world.states[0].places = 3;
    world.states[0].waiting = 1;
    auto told = world.told();
    CHECK(told.contains("\npool           main: full, 3 of 3 requests are under way and 1 wait\n"));
    CHECK(told.contains("\noutcome        pool main\n"));
    world.states[0].waiting = 2;
    CHECK(world.told().contains("\noutcome        answered here with 503: queue_full\n"));
  }

  TEST_CASE("who has no weight gets nothing, and is told so") {
    World world("");
    world.loaded = load_text(
        "listeners: [{name: web, address: '0.0.0.0:80'}]\n"
        "virtual_hosts: [{hosts: ['*'], routes: [{pool: main}]}]\n"
        "backends:\n"
        "- {id: one, address: '10.0.0.1:80', tags: [a]}\n"
        "- {id: two, address: '10.0.0.2:80', tags: [a], weight: 0}\n"
        "pools:\n"
        "- {name: main, tag: a, backends: ['10.0.0.3:80']}\n",
        "t.yaml");
    REQUIRE(world.loaded.ok());
    auto& backends = world.states[0].origins;
    backends.assign(3, backends.front());
    auto told = world.told();
    CHECK(told.contains("  backend      10.0.0.3:80 (healthy: takes its turn)\n"));
    CHECK(
        told.contains("  backend      10.0.0.1:80 (healthy: takes its turn; one, by its tag a)\n"));
    CHECK(
        told.contains("  backend      10.0.0.2:80 (healthy: gets nothing for its weight; weight 0; "
                      "two, by its tag a)\n"));
    CHECK(told.contains("\noutcome        pool main\n"));
    backends[0].is_healthy = backends[1].is_healthy = false;
    backends[0].usable = backends[1].usable = 0;
    CHECK(world.told().contains("\noutcome        answered here with 503: no_healthy_backend\n"));
  }

  TEST_CASE("a side of a split without weight gets nothing") {
    World world("");
    world.loaded = load_text(
        "listeners: [{name: web, address: '0.0.0.0:80'}]\n"
        "virtual_hosts: [{hosts: ['*'], routes: [{split: [{pool: main}, {pool: spare, weight: "
        "0}]}]}]\n"
        "pools:\n"
        "- {name: main, backends: ['10.0.0.1:80']}\n"
        "- {name: spare, backends: ['10.0.0.2:80']}\n"
        "tests: [{url: /, expect: {pool: main}}, {url: /, expect: {pool: spare}}]\n",
        "t.yaml");
    REQUIRE(world.loaded.findings.size() == 1);
    CHECK(world.loaded.findings[0].message == "test '/': pool spare was expected, but it is main");
    auto told = world.told();
    CHECK(told.contains("\n  pool         main (weight 1 of 1)\n"));
    CHECK(told.contains("\n  pool         spare (weight 0 of 1: gets nothing)\n"));
    CHECK_FALSE(told.contains("10.0.0.2"));
  }

  TEST_CASE("a backend that is full says so, and when all are, the request is refused") {
    World world(", backend_concurrency_limit: 4");
    auto& backend = world.states[0].origins.front();
    backend.places_max = 4;
    backend.places = 3;
    CHECK(world.told().contains("10.0.0.1:80 (healthy: takes its turn)\n"));
    backend.places = 4;
    auto told = world.told();
    CHECK(told.contains("10.0.0.1:80 (full: 4 of 4 requests are under way)\n"));
    CHECK(told.contains("\noutcome        answered here with 429: concurrency_limit\n"));
  }
}

}  // namespace
}  // namespace cirque::config
