#include "config/failover.h"

#include <doctest/doctest.h>

#include <map>
#include <utility>
#include <vector>

namespace cirque::config {
namespace {

// Pools by number; whoever is not named takes requests.
struct Scene {
  std::map<std::uint32_t, Obstacle> shut;
  bool by_backends = false;  // breakers are those of the backends
  std::vector<std::pair<std::uint32_t, Obstacle>> passed = {};

  bool is(std::uint32_t pool, Obstacle obstacle) const {
    auto found = shut.find(pool);
    return found != shut.end() && found->second == obstacle;
  }

  bool admits(std::uint32_t pool) const { return by_backends || !is(pool, Obstacle::CircuitOpen); }

  bool has_healthy(std::uint32_t pool) const { return !is(pool, Obstacle::Unhealthy); }

  bool is_cut(std::uint32_t pool) const { return is(pool, Obstacle::CircuitOpen); }

  void pass_by(std::uint32_t pool, Obstacle obstacle) { passed.emplace_back(pool, obstacle); }
};

// fallbacks[i]: of pool i.
Blueprint pools(const std::vector<std::uint32_t>& fallbacks) {
  Blueprint blueprint;
  for (auto fallback : fallbacks) {
    blueprint.pools.emplace_back();
    blueprint.pools.back().fallback = fallback;
  }
  return blueprint;
}

constexpr auto kOpen = Obstacle::CircuitOpen;
constexpr auto kDown = Obstacle::Unhealthy;

TEST_SUITE("config") {
  TEST_CASE("a pool that takes requests has nobody stand in for it") {
    Scene scene;
    auto arrival = find_open(pools({1, kNone}), {.index = 0}, scene);
    CHECK(arrival.pool == 0);
    CHECK(arrival.failover == Obstacle::None);
    CHECK(arrival.refusal == Obstacle::None);
    CHECK(scene.passed.empty());
  }

  TEST_CASE("who stands in is told with what kept the request out of the first pool") {
    Scene scene{.shut = {{0, kOpen}, {1, kDown}}};
    auto arrival = find_open(pools({1, 2, kNone}), {.index = 0}, scene);
    CHECK(arrival.pool == 2);
    CHECK(arrival.failover == kOpen);
    CHECK(arrival.refusal == Obstacle::None);
    CHECK(scene.passed == std::vector<std::pair<std::uint32_t, Obstacle>>{{0, kOpen}, {1, kDown}});
  }

  TEST_CASE("a table's default stands in for who is down, and not for an open breaker") {
    TablePlan table;
    table.otherwise = 1;
    Scene down{.shut = {{0, kDown}}};
    CHECK(find_open(pools({kNone, kNone}), {.index = 0, .table = &table}, down).pool == 1);
    Scene open{.shut = {{0, kOpen}}};
    auto arrival = find_open(pools({kNone, kNone}), {.index = 0, .table = &table}, open);
    CHECK(arrival.pool == 0);
    CHECK(arrival.refusal == kOpen);
    Scene both{.shut = {{0, kDown}, {1, kDown}}};
    CHECK(find_open(pools({kNone, kNone}), {.index = 0, .table = &table}, both).refusal == kDown);
  }

  TEST_CASE("a circle ends with what began it") {
    for (auto [first, second] : {std::pair(kOpen, kDown), std::pair(kDown, kOpen)}) {
      Scene scene{.shut = {{0, first}, {1, second}}};
      auto arrival = find_open(pools({1, 0}), {.index = 0}, scene);
      CHECK(arrival.is_circle);
      CHECK(arrival.refusal == first);
      CHECK(scene.passed.size() == 2);
    }
  }

  TEST_CASE("the breakers of backends are asked for where a pool has them") {
    auto blueprint = pools({1, kNone});
    Scene scene{.shut = {{0, kOpen}}, .by_backends = true};
    CHECK(find_open(blueprint, {.index = 0}, scene).pool == 0);
    blueprint.pools[0].terms.gates.failure_threshold = 1;
    auto arrival = find_open(blueprint, {.index = 0}, scene);
    CHECK(arrival.pool == 1);
    CHECK(arrival.failover == kOpen);
  }
}

}  // namespace
}  // namespace cirque::config
