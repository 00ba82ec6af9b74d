#include "upstream/slow_start.h"

#include <doctest/doctest.h>

#include "upstream/vitals.h"

namespace cirque::upstream {
namespace {

constexpr Time kStart = Time(1h);

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("a slow start goes from a tenth to the whole in proportion to the time") {
  SlowStart policy{.window = 10s};
  CHECK(ramp(policy, kStart, kStart) == doctest::Approx(0.1));
  CHECK(ramp(policy, kStart, kStart + 500ms) == doctest::Approx(0.1));
  CHECK(ramp(policy, kStart, kStart + 5s) == doctest::Approx(0.5));
  CHECK(ramp(policy, kStart, kStart + 9s) == doctest::Approx(0.9));
  CHECK(ramp(policy, kStart, kStart + 10s) == 1);
  CHECK(ramp(policy, kStart, kStart + 1h) == 1);
  CHECK(ramp(policy, Vitals::kForEver, kStart) == 1);
  CHECK(ramp(policy, kStart + 1s, kStart) == doctest::Approx(0.1));  // by a clock that lags
}

TEST_CASE("aggression gives more of the weight early") {
  SlowStart policy{.window = 100s, .aggression = 2, .min_percent = 1};
  CHECK(ramp(policy, kStart, kStart + 25s) == doctest::Approx(0.5));
  CHECK(ramp(policy, kStart, kStart + 81s) == doctest::Approx(0.9));
  policy.aggression = 0.5;
  CHECK(ramp(policy, kStart, kStart + 50s) == doctest::Approx(0.25));
}

TEST_CASE("without a window there is no slow start") {
  CHECK(ramp({}, kStart, kStart) == 1);
}

TEST_SUITE_END();

}  // namespace cirque::upstream
