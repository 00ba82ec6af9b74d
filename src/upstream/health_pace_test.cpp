#include "upstream/health_pace.h"

#include <doctest/doctest.h>

using namespace cirque;
using upstream::HealthPace;

namespace {

constexpr Time kStart{1h};

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("the first checks of few backends wait for nothing") {
  HealthPace pace;
  pace.add_demand(0.2);
  for (unsigned i = 0; i <= HealthPace::kBurst; ++i) {
    CHECK(pace.before_first(kStart) == Duration::zero());
  }
  CHECK(pace.before_first(kStart) > Duration::zero());
  CHECK(pace.before_first(kStart) <= 20ms);
}

TEST_CASE("thousands that come together are spread over their interval") {
  HealthPace pace;
  pace.add_demand(10'000 / 10.0);
  Duration last{};
  for (int i = 0; i < 10'000; ++i) {
    auto wait = pace.before_first(kStart);
    CHECK(wait >= last);
    CHECK(wait - last <= 1ms);
    last = wait;
  }
  CHECK(last > 8s);
  CHECK(last < 10s);
  CHECK(pace.before_first(kStart + last) <= 1ms);
}

TEST_CASE("what is due again at once is held to the same rate for all") {
  HealthPace pace;
  Duration last{};
  for (int i = 0; i < 4000; ++i) last = pace.before_next(kStart);
  CHECK(last > 1900ms);
  CHECK(last < 2s);
}

TEST_CASE("demand that has gone hastens nobody") {
  HealthPace pace;
  pace.add_demand(1000);
  pace.add_demand(-1000);
  Duration last{};
  for (int i = 0; i < 132; ++i) last = pace.before_first(kStart);
  CHECK(last >= 990ms);
  CHECK(last <= 1s);
}

TEST_SUITE_END();
