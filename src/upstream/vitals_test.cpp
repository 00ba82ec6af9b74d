#include "upstream/vitals.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace cirque::upstream {
namespace {

constexpr Time kStart = Time(1h);

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("a backend is usable when its last ailment is cleared") {
  Bulletin bulletin;
  Vitals vitals(bulletin);
  CHECK(vitals.is_usable());
  CHECK(vitals.set(Ailment::Unhealthy));
  CHECK_FALSE(vitals.set(Ailment::Ejected));
  CHECK_FALSE(vitals.clear(Ailment::Unhealthy, kStart));
  CHECK_FALSE(vitals.is_usable());
  CHECK(vitals.usable_since() == Vitals::kForEver);
  CHECK(vitals.clear(Ailment::Ejected, kStart + 1s));
  CHECK(vitals.is_usable());
  CHECK(vitals.usable_since() == kStart + 1s);
}

TEST_CASE("a bulletin tells of changes and not of repetitions") {
  Bulletin bulletin;
  Vitals vitals(bulletin);
  auto issue = bulletin.issue();
  vitals.set(Ailment::Draining);
  CHECK(bulletin.issue() != issue);
  issue = bulletin.issue();
  vitals.set(Ailment::Draining);
  vitals.clear(Ailment::Unhealthy, kStart);
  CHECK(bulletin.issue() == issue);
  vitals.clear(Ailment::Draining, kStart);
  CHECK(bulletin.issue() != issue);
}

TEST_CASE("a slow answer counts at once, and is forgotten slowly") {
  Bulletin bulletin;
  Vitals vitals(bulletin);
  CHECK(vitals.latency_us(kStart) == 0);
  vitals.observe(10ms, kStart);
  CHECK(vitals.latency_us(kStart) == doctest::Approx(10'000));
  vitals.observe(100ms, kStart);
  CHECK(vitals.latency_us(kStart) == doctest::Approx(100'000));
  vitals.observe(10ms, kStart + 10s);  // 1/e of what was, and the rest of what is
  CHECK(vitals.latency_us(kStart + 10s) == doctest::Approx(10'000 + 90'000 / 2.71828));
  CHECK(vitals.latency_us(kStart + 20s) < vitals.latency_us(kStart + 10s) / 2.7F);
  CHECK(vitals.latency_us(kStart) >= vitals.latency_us(kStart + 10s));  // of a clock that lags
}

TEST_CASE("many quick answers within a millisecond forget no sooner than few") {
  Bulletin bulletin;
  Vitals vitals(bulletin);
  vitals.observe(100ms, kStart);
  for (int i = 1; i <= 100'000; ++i) vitals.observe(1ms, kStart + i * 100us);
  CHECK(vitals.latency_us(kStart + 10s) == doctest::Approx(1'000 + 99'000 / 2.71828).epsilon(0.01));
}

TEST_CASE("a request under way is counted until it ends, wherever it was moved") {
  Bulletin bulletin;
  Vitals vitals(bulletin);
  PoolLoad load;
  {
    Flight first(vitals, load);
    Flight second(vitals, load);
    CHECK(vitals.in_flight() == 2);
    Flight moved = std::move(first);
    second = std::move(moved);
    CHECK(load.in_flight == 2);
  }
  CHECK(vitals.in_flight() == 0);
  CHECK(load.in_flight == 0);
}

TEST_CASE("ailments that several threads set and clear leave none behind") {
  Bulletin bulletin;
  Vitals vitals(bulletin);
  std::atomic<int> downs{0};
  std::atomic<int> ups{0};
  {
    std::vector<std::jthread> threads;
    for (auto ailment : {Ailment::Unhealthy, Ailment::Ejected, Ailment::Draining}) {
      threads.emplace_back([&, ailment] {
        for (int i = 0; i < 10'000; ++i) {
          downs += vitals.set(ailment);
          ups += vitals.clear(ailment, kStart);
        }
      });
    }
  }
  CHECK(vitals.is_usable());
  CHECK(vitals.usable_since() == kStart);
  CHECK(downs == ups);
  CHECK(bulletin.issue() == 60'000);
}

TEST_SUITE_END();

}  // namespace cirque::upstream
