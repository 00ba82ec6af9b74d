#include "loop/timers.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

using namespace cirque;
using loop::Timer;
using loop::TimerWheel;

namespace {

const Time kStart = Time(1000s);

struct Probe : Timer {
  Probe() : Timer([](Timer& t) noexcept { ++static_cast<Probe&>(t).fired; }) {}

  int fired = 0;
};

// Jumps from one next() to the other, as the loop does.
void run_until(TimerWheel& wheel, Time until) {
  while (wheel.next() <= until) wheel.advance(wheel.next());
  wheel.advance(until);
}

}  // namespace

TEST_SUITE_BEGIN("loop");

TEST_CASE("a timer fires once, never early and at most a tick late") {
  TimerWheel wheel(kStart);
  Probe timer;
  timer.arm(wheel, kStart + 10ms);
  wheel.advance(kStart + 10ms - 1ns);
  CHECK(timer.fired == 0);
  CHECK(timer.is_armed());
  wheel.advance(kStart + 11ms);
  CHECK(timer.fired == 1);
  CHECK_FALSE(timer.is_armed());
  wheel.advance(kStart + 1h);
  CHECK(timer.fired == 1);
}

TEST_CASE("a deadline in the past fires at the next tick") {
  TimerWheel wheel(kStart);
  wheel.advance(kStart + 1s);
  Probe timer;
  timer.arm(wheel, kStart - 1h);
  wheel.advance(kStart + 1s + 1ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("an empty wheel has nothing next") {
  TimerWheel wheel(kStart);
  CHECK(wheel.next() == kNever);
  Probe timer;
  timer.arm(wheel, kNever);
  CHECK_FALSE(timer.is_armed());
  CHECK(wheel.next() == kNever);
}

TEST_CASE("the next moment is never after the earliest deadline") {
  TimerWheel wheel(kStart);
  Probe soon, late;
  late.arm(wheel, kStart + 1h);
  CHECK(wheel.next() <= kStart + 1h);
  soon.arm(wheel, kStart + 5ms);
  CHECK(wheel.next() <= kStart + 5ms);
  CHECK(wheel.next() > kStart);
}

TEST_CASE("moving a deadline later is lazy, and still on time") {
  TimerWheel wheel(kStart);
  Probe timer;
  for (int i = 0; i < 1000; ++i) {
    timer.arm(wheel, kStart + std::chrono::milliseconds(75'000 + i));
  }
  run_until(wheel, kStart + 75'999ms - 1ns);
  CHECK(timer.fired == 0);
  run_until(wheel, kStart + 76'001ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("moving a deadline earlier counts at once") {
  TimerWheel wheel(kStart);
  Probe timer;
  timer.arm(wheel, kStart + 1h);
  timer.arm(wheel, kStart + 3ms);
  run_until(wheel, kStart + 4ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("a disarmed timer does not fire, and may be armed again") {
  TimerWheel wheel(kStart);
  Probe timer;
  timer.arm(wheel, kStart + 5ms);
  timer.disarm();
  CHECK_FALSE(timer.is_armed());
  run_until(wheel, kStart + 10ms);
  CHECK(timer.fired == 0);
  timer.arm(wheel, kStart + 20ms);
  timer.disarm();
  timer.arm(wheel, kStart + 15ms);
  run_until(wheel, kStart + 16ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("a timer that dies is never called") {
  TimerWheel wheel(kStart);
  {
    Probe timer;
    timer.arm(wheel, kStart + 5ms);
  }
  run_until(wheel, kStart + 1s);
  CHECK(wheel.next() == kNever);
}

TEST_CASE("deadlines that are years away keep their place") {
  TimerWheel wheel(kStart);
  Probe week, year, decade;
  week.arm(wheel, kStart + std::chrono::days(7));
  year.arm(wheel, kStart + std::chrono::days(365));
  decade.arm(wheel, kStart + std::chrono::days(3650));
  run_until(wheel, kStart + std::chrono::days(7) - 1ms);
  CHECK(week.fired == 0);
  run_until(wheel, kStart + std::chrono::days(7) + 1ms);
  CHECK(week.fired == 1);
  CHECK(year.fired == 0);
  run_until(wheel, kStart + std::chrono::days(365) + 1ms);
  CHECK(year.fired == 1);
  run_until(wheel, kStart + std::chrono::days(3650) - 1ms);
  CHECK(decade.fired == 0);
  run_until(wheel, kStart + std::chrono::days(3650) + 1ms);
  CHECK(decade.fired == 1);
}

TEST_CASE("a long sleep of the machine fires everything that was due, once") {
  TimerWheel wheel(kStart);
  std::vector<Probe> timers(500);
  for (std::size_t i = 0; i < timers.size(); ++i) {
    timers[i].arm(wheel, kStart + std::chrono::milliseconds(i * 7777));
  }
  wheel.advance(kStart + std::chrono::days(30));
  CHECK(std::ranges::all_of(timers, [](auto& t) { return t.fired == 1; }));
  CHECK(wheel.next() == kNever);
}

TEST_CASE("a callback may arm itself, disarm others and destroy others") {
  struct Chain : Timer {
    explicit Chain(TimerWheel& w)
        : Timer([](Timer& t) noexcept {
            auto& self = static_cast<Chain&>(t);
            ++self.fired;
            self.victim.reset();
            self.other.disarm();
            self.now += 10ms;
            if (self.fired < 5) self.arm(self.wheel, self.now);
          }),
          wheel(w) {}

    TimerWheel& wheel;
    Time now = kStart + 10ms;
    int fired = 0;
    std::unique_ptr<Probe> victim = std::make_unique<Probe>();
    Probe other;
  };

  TimerWheel wheel(kStart);
  Chain chain(wheel);
  chain.arm(wheel, chain.now);
  chain.victim->arm(wheel, chain.now);  // in the same slot, behind it
  chain.other.arm(wheel, chain.now);
  run_until(wheel, kStart + 1s);
  CHECK(chain.fired == 5);
  CHECK(chain.other.fired == 0);
}

TEST_CASE("many random steps agree with a list of deadlines") {
  constexpr std::size_t kTimers = 200;
  constexpr std::int64_t kSpans[] = {3, 70, 5'000, 300'000, 20'000'000, 4'000'000'000};
  for (unsigned seed = 1; seed <= 4; ++seed) {
    std::mt19937_64 random(seed);
    TimerWheel wheel(kStart);
    std::vector<Probe> timers(kTimers);
    std::vector<Time> due(kTimers, kNever);  // the reference
    Time now = kStart;
    int wrong = 0;
    for (int step = 0; step < 60'000; ++step) {
      auto i = random() % kTimers;
      auto span = static_cast<std::uint64_t>(kSpans[random() % std::size(kSpans)]);
      switch (random() % 8) {
        case 0:
          timers[i].disarm();
          due[i] = kNever;
          break;
        case 1:
        case 2:
        case 3:
        case 4: {
          auto until = now + std::chrono::microseconds(random() % (span * 1000));
          timers[i].arm(wheel, until);
          due[i] = until;
          break;
        }
        case 5:
          std::destroy_at(&timers[i]);
          std::construct_at(&timers[i]);
          due[i] = kNever;
          break;
        default: {
          auto before = std::ranges::min(due);
          auto next = wheel.next();
          wrong += next > std::max(now, std::min(before, kNever - 1ms) + 1ms);
          now += std::chrono::microseconds(random() % (span * 100));
          wheel.advance(now);
          for (std::size_t k = 0; k < kTimers; ++k) {
            bool must = due[k] != kNever && due[k] + 1ms <= now;
            bool may = due[k] != kNever && due[k] <= now;
            if (timers[k].fired) {
              wrong += !may || timers[k].fired != 1;
              timers[k].fired = 0;
              due[k] = kNever;
            } else {
              wrong += must;
            }
          }
        }
      }
    }
    CAPTURE(seed);
    CHECK(wrong == 0);
  }
}

TEST_SUITE_END();
