#include "upstream/health_pace.h"

#include <doctest/doctest.h>

#include <deque>

using namespace cirque;
using upstream::HealthPace;

namespace {

constexpr Time kStart{1h};

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("one that comes alone is asked at once, or nearly") {
  HealthPace pace;
  HealthPace::Newcomer one(pace);
  CHECK(pace.before_first(10s, 0) == Duration::zero());
  CHECK(pace.before_first(10s, 0.999) < 10ms);
  CHECK(pace.before_any(kStart) == Duration::zero());
}

TEST_CASE("thousands that come together are spread over their interval") {
  HealthPace pace;
  std::deque<HealthPace::Newcomer> all;
  for (int i = 0; i < 10'000; ++i) all.emplace_back(pace);
  CHECK(pace.before_first(10s, 0.5) == 5s);
  CHECK(pace.before_first(1h, 0.5) == 50s);
}

TEST_CASE("those who do not wait any more keep nobody waiting") {
  HealthPace pace;
  {
    std::deque<HealthPace::Newcomer> all;
    for (int i = 0; i < 10'000; ++i) all.emplace_back(pace);
  }
  HealthPace::Newcomer late(pace);
  CHECK(pace.before_first(1h, 0.999) < 10ms);
}

TEST_CASE("what is due at once is held to a rate") {
  HealthPace pace;
  Duration last{};
  for (unsigned i = 0; i < 2 * HealthPace::kRateMax; ++i) last = pace.before_any(kStart);
  CHECK(last > 1900ms);
  CHECK(last < 2s);
  CHECK(pace.before_any(kStart + 3s) == Duration::zero());
}

TEST_SUITE_END();
