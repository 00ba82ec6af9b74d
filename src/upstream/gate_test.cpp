#include "upstream/gate.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace cirque::upstream {
namespace {

constexpr Time kStart = Time(1h);

using Door = Gate::Door;
using Outcome = Gate::Leave::Outcome;
using Change = Breaker::Change;

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("a gate that nobody asked for is open to all") {
  Gate gate;
  gate.set_policy({});
  std::vector<Gate::Leave> leaves;
  for (int i = 0; i < 1000; ++i) leaves.push_back(*gate.admit(kStart));
  CHECK(gate.door(kStart) == Door::Open);
  CHECK(gate.circuit(kStart) == CircuitState::Closed);
  CHECK(gate.in_use() == 0);
}

TEST_CASE("a gate lets in so many at a time") {
  Gate gate;
  gate.set_policy({.concurrency = 2});
  auto one = gate.admit(kStart);
  auto two = gate.admit(kStart);
  CHECK(two);
  CHECK(gate.door(kStart) == Door::Full);
  CHECK_FALSE(gate.admit(kStart));
  one.reset();
  CHECK(gate.door(kStart) == Door::Open);
  CHECK(gate.admit(kStart));
  gate.set_policy({.concurrency = 1});
  CHECK(gate.door(kStart) == Door::Full);
}

TEST_CASE("a gate is cut after failures in a row, and lets one probe decide") {
  Gate gate;
  gate.set_policy({.failure_threshold = 2, .breaker_timeout = 10s, .probe_lease = 60s});
  CHECK(gate.admit(kStart)->report(Outcome::Bad, kStart) == Change::None);
  CHECK(gate.admit(kStart)->report(Outcome::Bad, kStart) == Change::Opened);
  CHECK(gate.door(kStart) == Door::Cut);
  CHECK(gate.openings() == 1);
  CHECK_FALSE(gate.admit(kStart + 9s));
  auto later = kStart + 10s;
  CHECK(gate.door(later) == Door::Open);
  auto probe = gate.admit(later);
  REQUIRE(probe);
  CHECK(probe->is_probe());
  CHECK(gate.door(later) == Door::Cut);
  CHECK(probe->report(Outcome::Bad, later) == Change::Opened);
  CHECK(gate.door(later + 9s) == Door::Cut);
  CHECK(gate.admit(later + 10s)->report(Outcome::Good, later + 10s) == Change::Closed);
  CHECK(gate.door(later + 10s) == Door::Open);
  CHECK(gate.openings() == 2);
}

TEST_CASE("a probe for which there is no room leaves its turn to the next") {
  Gate gate;
  gate.set_policy({.concurrency = 1, .failure_threshold = 1, .breaker_timeout = 10s});
  auto slow = gate.admit(kStart);
  gate.set_policy({.concurrency = 2, .failure_threshold = 1, .breaker_timeout = 10s});
  gate.admit(kStart)->report(Outcome::Bad, kStart);
  gate.set_policy({.concurrency = 1, .failure_threshold = 1, .breaker_timeout = 10s});
  CHECK_FALSE(gate.admit(kStart + 10s));
  slow.reset();
  auto probe = gate.admit(kStart + 10s);
  REQUIRE(probe);
  CHECK(probe->is_probe());
}

TEST_CASE("a breaker that the pool gives up cuts nobody off") {
  Gate gate;
  gate.set_policy({.failure_threshold = 1});
  gate.admit(kStart)->report(Outcome::Bad, kStart);
  CHECK(gate.door(kStart) == Door::Cut);
  gate.set_policy({.concurrency = 3});
  CHECK(gate.door(kStart) == Door::Open);
  CHECK(gate.circuit(kStart) == CircuitState::Closed);
  CHECK(gate.admit(kStart));
}

TEST_SUITE_END();

}  // namespace cirque::upstream
