#include "base/gradient.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace cirque::base {
namespace {

constexpr Time kStart = Time(1h);

// Answers as quickly as ever up to so many at once; what is more waits for its turn.
struct Backend {
  double quick_us;
  double at_once;

  double latency_us(double in_flight) const {
    return quick_us * std::max(1.0, in_flight / at_once);
  }
};

std::uint32_t limit_after(Gradient& gradient, const Backend& backend, int windows,
                          std::uint32_t from, std::uint32_t wanted = UINT32_MAX) {
  std::uint32_t limit = from;
  for (int i = 0; i < windows; ++i) {
    auto in_flight = std::min(limit, wanted);
    limit = gradient.learn({.latency_us = backend.latency_us(in_flight), .in_flight = in_flight});
  }
  return limit;
}

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("an adaptive limit finds what a backend can take, and stays there") {
  Gradient gradient({.initial = 20});
  Backend backend{.quick_us = 10'000, .at_once = 60};
  auto limit = limit_after(gradient, backend, 300, 20);
  for (int i = 0; i < 3000; ++i) {
    limit = limit_after(gradient, backend, 1, limit);
    REQUIRE(limit >= 40);  // while it probes
    REQUIRE(limit <= 100);
  }
}

TEST_CASE("an adaptive limit falls when a backend gets slow, and rises when it recovers") {
  Gradient gradient({.initial = 20});
  auto before = limit_after(gradient, {.quick_us = 10'000, .at_once = 60}, 300, 20);
  auto slow = limit_after(gradient, {.quick_us = 10'000, .at_once = 20}, 20, before);
  CHECK(slow < before / 2);
  slow = limit_after(gradient, {.quick_us = 10'000, .at_once = 20}, 300, slow);
  CHECK(slow >= 10);
  CHECK(slow <= 40);
  auto after = limit_after(gradient, {.quick_us = 10'000, .at_once = 60}, 300, slow);
  CHECK(after >= 60);
}

TEST_CASE("an adaptive limit comes to believe that a backend is slower now") {
  Gradient gradient({.initial = 20});
  auto before = limit_after(gradient, {.quick_us = 10'000, .at_once = 60}, 300, 20);
  Backend slower{.quick_us = 100'000, .at_once = 60};
  auto limit = before;
  auto least = before;
  for (int i = 0; i < 40; ++i) {
    limit = limit_after(gradient, slower, 1, limit);
    least = std::min(least, limit);
  }
  CHECK(least < before / 2);
  limit = limit_after(gradient, slower, 300, limit);
  CHECK(limit >= 40);
  CHECK(limit <= 100);
}

TEST_CASE("an adaptive limit that nobody comes near stays where it is") {
  Gradient gradient({.initial = 20});
  CHECK(limit_after(gradient, {.quick_us = 10'000, .at_once = 60}, 300, 20, 9) == 20);
}

TEST_CASE("an adaptive limit stays within its bounds") {
  Gradient gradient({.initial = 20, .min = 7, .max = 50});
  CHECK(limit_after(gradient, {.quick_us = 1000, .at_once = 1e9}, 500, 20) == 50);
  std::uint32_t limit = 50;
  for (int i = 0; i < 200; ++i) {
    limit = gradient.learn({.latency_us = 1000.0 * (1 << (i / 10)), .in_flight = 50});
  }
  CHECK(limit == 7);
}

TEST_CASE("an adaptive limit learns once in a window, of enough samples") {
  ConcurrencyLimit limit({});
  AdaptiveLimit adaptive(limit, {.initial = 4});
  CHECK(limit.limit() == 4);
  std::vector<ConcurrencyLimit::Permit> permits;
  for (int i = 0; i < 4; ++i) permits.push_back(*limit.try_acquire());
  auto answer = [&](int times, Time now) {
    for (int i = 0; i < times; ++i) adaptive.on_answer(10ms, now);
  };
  answer(20, kStart);  // begins the first window
  answer(1000, kStart + 999ms);
  CHECK(limit.limit() == 4);
  answer(1, kStart + 1s);
  CHECK(limit.limit() == 4);  // 4.8
  answer(9, kStart + 2s);
  CHECK(limit.limit() == 4);
  answer(1, kStart + 2s);
  CHECK(limit.limit() == 5);
  answer(1, kStart + 2s);
  CHECK(limit.limit() == 5);
}

TEST_CASE("an adaptive limit is fed by several workers at once") {
  ConcurrencyLimit limit({});
  AdaptiveLimit adaptive(limit, {.initial = 10, .max = 100});
  std::atomic<std::int64_t> clock{0};
  auto work = [&] {
    for (int i = 0; i < 20'000; ++i) {
      std::vector<ConcurrencyLimit::Permit> permits;
      while (auto permit = limit.try_acquire()) permits.push_back(std::move(*permit));
      auto now = kStart + std::chrono::milliseconds(clock.fetch_add(1));
      adaptive.on_answer(5ms, now);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  }
  CHECK(limit.limit() > 15);
  CHECK(limit.limit() <= 100);
  CHECK(limit.in_use() == 0);
}

TEST_CASE("an adaptive limit keeps what it has learned when its bounds change") {
  Gradient gradient({.initial = 20, .max = 50});
  CHECK(limit_after(gradient, {.quick_us = 1000, .at_once = 1e9}, 500, 20) == 50);
  gradient.set_bounds(4, 30);
  CHECK(gradient.limit() == 30);
  gradient.set_bounds(40, 100);
  CHECK(gradient.limit() == 40);
}

TEST_CASE("an adaptive limit that is turned off changes nothing any more") {
  ConcurrencyLimit limit({});
  AdaptiveLimit adaptive(limit);
  CHECK(limit.limit() == ConcurrencyLimit::kNoLimit);
  adaptive.turn_on({.initial = 4});
  CHECK(limit.limit() == 4);
  adaptive.turn_on({.initial = 4, .min = 7});
  CHECK(limit.limit() == 7);
  adaptive.turn_off();
  limit.set_limit(ConcurrencyLimit::kNoLimit);
  for (int second = 0; second < 10; ++second) {
    for (int i = 0; i < 20; ++i) adaptive.on_answer(10ms, kStart + second * 1s);
  }
  CHECK(limit.limit() == ConcurrencyLimit::kNoLimit);
}

TEST_CASE("an adaptive limit is turned on and off while workers feed it") {
  ConcurrencyLimit limit({});
  AdaptiveLimit adaptive(limit);
  std::atomic<bool> is_over{false};
  auto work = [&] {
    for (std::int64_t i = 0; !is_over; ++i) {
      auto permit = limit.try_acquire();
      adaptive.on_answer(5ms, kStart + i * 1ms);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) threads.emplace_back(work);
    for (std::uint32_t round = 0; round < 2'000; ++round) {
      adaptive.turn_on({.initial = 10, .min = 1 + round % 5, .max = 100});
      adaptive.turn_off();
    }
    limit.set_limit(77);
    is_over = true;
  }
  CHECK(limit.limit() == 77);
  CHECK(limit.in_use() == 0);
}

TEST_SUITE_END();

}  // namespace cirque::base
