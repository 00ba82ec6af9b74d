#pragma once
// Which pool a request comes to in the end: the one that was decided on, or who stands in for it.
// The workers and explanations walk the same way, each with eyes of its own.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "config/blueprint.h"

namespace cirque::config {

// What keeps a request out of a pool.
enum class Obstacle : std::uint8_t { None, CircuitOpen, Unhealthy };

// As X-Failover-Reason has it.
constexpr std::string_view name_of(Obstacle obstacle) noexcept {
  switch (obstacle) {
    case Obstacle::CircuitOpen:
      return "circuit_open";
    case Obstacle::Unhealthy:
      return "upstream_unhealthy";
    case Obstacle::None:
      break;
  }
  return {};
}

struct Arrival {
  std::uint32_t pool = kNone;          // in Blueprint::pools: the last on the way
  Obstacle failover = Obstacle::None;  // what kept it out of the first
  Obstacle refusal = Obstacle::None;   // what keeps it out of the last, for whom nobody stands in
  bool is_circle = false;              // they stand in for each other
};

// A chain of pools that stand in for each other is not followed in circles.
class Visited {
 public:
  bool add(std::uint32_t pool) noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      if (pools_[i] == pool) return false;
    }
    if (count_ == std::size(pools_)) return false;
    pools_[count_++] = pool;
    return true;
  }

 private:
  std::uint32_t pools_[8];
  std::size_t count_ = 0;
};

// Eyes have, of a pool by its index and in this order: admits(), does its breaker; has_healthy(),
// is there a backend; is_cut(), are the breakers of all these open. And pass_by(), which is told
// of each pool that does not take it.
template <class Eyes>
Arrival find_open(const Blueprint& blueprint, const Decision& decision, Eyes&& eyes) {
  auto look = [&](std::uint32_t pool) {
    if (!eyes.admits(pool)) return Obstacle::CircuitOpen;
    if (!eyes.has_healthy(pool)) return Obstacle::Unhealthy;
    bool is_cut = blueprint.pools[pool].terms.gates.has_breaker() && eyes.is_cut(pool);
    return is_cut ? Obstacle::CircuitOpen : Obstacle::None;
  };
  Visited visited;
  Arrival arrival{.pool = decision.index};
  while (visited.add(arrival.pool)) {
    auto obstacle = look(arrival.pool);
    if (obstacle == Obstacle::None) return arrival;
    eyes.pass_by(arrival.pool, obstacle);
    if (arrival.failover == Obstacle::None) arrival.failover = obstacle;
    auto next = blueprint.pools[arrival.pool].fallback;
    bool has_default = decision.table && obstacle == Obstacle::Unhealthy;
    if (next == kNone && has_default) next = decision.table->otherwise;
    if (next == kNone || next == arrival.pool) {
      arrival.refusal = obstacle;
      return arrival;
    }
    arrival.pool = next;
  }
  arrival.refusal = arrival.failover;
  arrival.is_circle = true;
  return arrival;
}

}  // namespace cirque::config
