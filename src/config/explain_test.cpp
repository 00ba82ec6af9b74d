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
