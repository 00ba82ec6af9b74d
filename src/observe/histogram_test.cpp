#include "observe/histogram.h"

#include <doctest/doctest.h>

#include <limits>

namespace cirque::observe {
namespace {

// The plain way to find a bucket.
template <const auto& kBounds>
unsigned bucket_by_search(Duration time) {
  unsigned bucket = 0;
  while (bucket < kBounds.size() && time > kBounds[bucket]) ++bucket;
  return bucket;
}

template <const auto& kBounds>
void check_bucket(Duration time) {
  Histogram<kBounds> histogram;
  histogram.record(time);
  CAPTURE(time.count());
  CHECK(histogram.count(bucket_by_search<kBounds>(time)) == 1);
  CHECK(histogram.sum_ns() == static_cast<std::uint64_t>(time.count()));
}

template <const auto& kBounds>
void check_bounds_and_powers() {
  for (auto bound : kBounds) {
    check_bucket<kBounds>(bound - 1ns);
    check_bucket<kBounds>(bound);
    check_bucket<kBounds>(bound + 1ns);
  }
  for (int bit = 0; bit < 63; ++bit) {
    check_bucket<kBounds>(Duration((std::int64_t{1} << bit) - 1));
    check_bucket<kBounds>(Duration(std::int64_t{1} << bit));
  }
}

}  // namespace

TEST_SUITE_BEGIN("observe");

TEST_CASE("every duration finds the bucket that a search would find") {
  check_bounds_and_powers<kDurationBounds>();
  check_bounds_and_powers<kOverheadBounds>();
}

TEST_CASE("a clock that seems to go backwards counts as no time at all") {
  Histogram<kOverheadBounds> histogram;
  histogram.record(-5ms);
  CHECK(histogram.count(0) == 1);
  CHECK(histogram.sum_ns() == 0);
}

TEST_CASE("what is beyond the last bound has a bucket of its own") {
  Histogram<kDurationBounds> histogram;
  histogram.record(Duration::max());
  CHECK(histogram.count(Histogram<kDurationBounds>::kBuckets) == 1);
}

TEST_CASE("counters and gauges add up") {
  Counter counter;
  counter.add();
  counter.add(41);
  CHECK(counter.get() == 42);
  Gauge gauge;
  gauge.add(2);
  gauge.add(-3);
  CHECK(gauge.get() == -1);
}

TEST_SUITE_END();

}  // namespace cirque::observe
