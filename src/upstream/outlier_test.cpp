#include "upstream/outlier.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <deque>
#include <functional>
#include <thread>

#include "base/random.h"

namespace cirque::upstream {
namespace {

constexpr Time kStart = Time(1h);

struct World {
  Bulletin bulletin;
  std::deque<Vitals> vitals;
  std::deque<Conduct> conducts;
  OutlierGroup group;
  Outliers outliers;
  Time now = kStart;
  std::vector<std::pair<std::uint32_t, EjectionCause>> told;

  explicit World(std::size_t members, const OutlierPolicy& policy = {}) {
    for (std::size_t i = 0; i < members; ++i) {
      vitals.emplace_back(bulletin);
      conducts.emplace_back();
      group.members.push_back({.conduct = &conducts.back(), .vitals = &vitals.back()});
    }
    group.policy = policy;
  }

  bool report(std::uint32_t place, Outcome outcome, int times = 1) {
    bool has_changed = false;
    for (int i = 0; i < times; ++i) {
      has_changed |= outliers.on_result(group, place, outcome, now);
    }
    return has_changed;
  }

  void sweep() {
    told.clear();
    outliers.sweep(group, now, [&](auto place, auto cause) { told.emplace_back(place, cause); });
  }

  bool is_ejected(std::uint32_t place) {
    bool is_out = vitals[place].has(Ailment::Ejected);
    CHECK(is_out == (conducts[place].ejected_for() != EjectionCause::None));
    return is_out;
  }

  std::size_t ejected() {
    std::size_t count = 0;
    for (std::uint32_t place = 0; place < vitals.size(); ++place) count += is_ejected(place);
    return count;
  }
};

using Told = std::vector<std::pair<std::uint32_t, EjectionCause>>;

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("five errors in a row eject a member, and the fifth tells so") {
  World world(3);
  CHECK_FALSE(world.report(1, Outcome::Error, 4));
  CHECK_FALSE(world.is_ejected(1));
  CHECK(world.report(1, Outcome::Error));
  CHECK(world.is_ejected(1));
  CHECK_FALSE(world.vitals[1].is_usable());
  world.sweep();
  CHECK(world.told == Told{{1, EjectionCause::Errors}});
  CHECK(name_of(world.told[0].second) == "errors");
  world.sweep();
  CHECK(world.told.empty());
}

TEST_CASE("a good answer makes errors begin again") {
  World world(3);
  for (int round = 0; round < 10; ++round) {
    world.report(1, Outcome::Error, 4);
    world.report(1, Outcome::Good);
  }
  CHECK(world.ejected() == 0);
}

TEST_CASE("gateway errors are errors, and are also counted by themselves") {
  World both(3);
  both.report(1, Outcome::Gateway, 3);
  both.report(1, Outcome::Error, 2);
  CHECK(both.conducts[1].ejected_for() == EjectionCause::Errors);

  World alone(3, {.errors = 0, .gateway_errors = 3});
  alone.report(1, Outcome::Error, 100);
  for (int i = 0; i < 10; ++i) {
    alone.report(1, Outcome::Gateway, 2);
    alone.report(1, Outcome::Error);
  }
  CHECK(alone.ejected() == 0);
  alone.report(1, Outcome::Gateway, 3);
  CHECK(alone.conducts[1].ejected_for() == EjectionCause::GatewayErrors);
}

TEST_CASE("an ejected member comes back when its time is over, with a clean slate") {
  World world(3);
  world.report(1, Outcome::Error, 5);
  world.report(1, Outcome::Error, 100);  // still under way when it was ejected
  world.now = kStart + 30s - 1ns;
  world.sweep();
  CHECK(world.is_ejected(1));
  world.now = kStart + 30s;
  world.sweep();
  CHECK(world.told == Told{{1, EjectionCause::None}});
  CHECK(world.vitals[1].is_usable());
  CHECK(world.vitals[1].usable_since() == world.now);
  world.report(1, Outcome::Error, 4);
  CHECK_FALSE(world.is_ejected(1));
}

TEST_CASE("who is pardoned is back at once, with a clean slate") {
  World world(3);
  world.outliers.pardon(world.group, 1, world.now);
  CHECK(world.ejected() == 0);
  world.report(1, Outcome::Error, 5);
  CHECK(world.is_ejected(1));
  world.outliers.pardon(world.group, 1, world.now);
  CHECK_FALSE(world.is_ejected(1));
  CHECK_FALSE(world.report(1, Outcome::Error, 4));
  CHECK(world.report(1, Outcome::Error));
}

TEST_CASE("what was over before anybody looked is told all the same") {
  World world(3);
  world.report(1, Outcome::Error, 5);
  world.outliers.pardon(world.group, 1, world.now);
  world.sweep();
  CHECK(world.told == Told{{1, EjectionCause::Errors}, {1, EjectionCause::None}});
  world.sweep();
  CHECK(world.told.empty());
}

TEST_CASE("each ejection is longer than the last, up to a limit") {
  World world(3);
  for (auto length : {30s, 60s, 90s, 120s, 150s, 180s, 210s, 240s, 270s, 300s, 300s, 300s}) {
    world.report(1, Outcome::Error, 5);
    CHECK(world.conducts[1].ejected_until() == world.now + length);
    world.now += length;
    world.sweep();
  }
}

TEST_CASE("ejections are forgiven one by one while a member does well") {
  World world(3);
  auto eject = [&] {
    world.report(1, Outcome::Error, 5);
    REQUIRE(world.is_ejected(1));
    auto length = world.conducts[1].ejected_until() - world.now;
    world.now += length;
    world.sweep();
    return length;
  };
  CHECK(eject() == 30s);
  CHECK(eject() == 60s);
  CHECK(eject() == 90s);
  world.now += 29s;
  CHECK(eject() == 120s);
  world.now += 60s;
  CHECK(eject() == 90s);
  world.now += 1h;
  CHECK(eject() == 30s);
}

TEST_CASE("no more than a share is ejected, but one of a few may be") {
  for (auto [members, most] : {std::pair(1, 0), {2, 1}, {9, 1}, {20, 2}, {99, 9}, {1000, 100}}) {
    CAPTURE(members);
    World world(static_cast<std::size_t>(members));
    for (int place = 0; place < members; ++place) {
      world.report(static_cast<std::uint32_t>(place), Outcome::Gateway, 5);
    }
    CHECK(world.ejected() == static_cast<std::size_t>(most));
    CHECK(world.outliers.spared() >= static_cast<std::size_t>(members - most));
  }
}

TEST_CASE("the last usable member is not ejected, whatever holds back the others") {
  World world(4, {.ejected_percent_max = 100});
  world.vitals[0].set(Ailment::Unhealthy);
  world.vitals[1].set(Ailment::Draining);
  world.report(2, Outcome::Error, 5);
  CHECK(world.is_ejected(2));
  world.report(3, Outcome::Error, 500);
  CHECK_FALSE(world.is_ejected(3));
  world.vitals[0].clear(Ailment::Unhealthy, world.now);
  world.report(3, Outcome::Error, 4);
  CHECK_FALSE(world.is_ejected(3));  // it was spared, and has to fail as often again
  world.report(3, Outcome::Error);
  CHECK(world.is_ejected(3));
}

TEST_CASE("a share that is full has room again when somebody comes back") {
  World world(10);
  world.report(0, Outcome::Error, 5);
  world.report(1, Outcome::Error, 5);
  CHECK(world.ejected() == 1);
  world.now += 30s;
  CHECK(world.report(1, Outcome::Error, 5));  // before anybody has swept
  CHECK_FALSE(world.is_ejected(0));
  CHECK(world.is_ejected(1));
  world.sweep();
  CHECK(world.told ==
        Told{{0, EjectionCause::Errors}, {0, EjectionCause::None}, {1, EjectionCause::Errors}});
}

TEST_CASE("who answers well much less often than the others is ejected at the window's end") {
  World world(20);
  world.sweep();
  auto window = [&](int bad_percent) {
    for (std::uint32_t place = 0; place < 20; ++place) {
      for (int i = 0; i < 200; ++i) {
        bool is_bad = place == 7 && i % 100 < bad_percent && i % 4 != 3;
        world.report(place, is_bad ? Outcome::Error : Outcome::Good);
      }
    }
    world.now += 10s;
    world.sweep();
  };
  world.group.policy.errors = world.group.policy.gateway_errors = 0;
  window(0);
  CHECK(world.ejected() == 0);
  window(4);  // 3 % are bad: far in standard deviations, but no harm
  CHECK(world.ejected() == 0);
  window(40);
  CHECK(world.told == Told{{7, EjectionCause::SuccessRate}});
}

TEST_CASE("success rates are compared only among many, of many requests each") {
  for (auto [members, requests] : {std::pair(4, 200), {20, 99}}) {
    World world(static_cast<std::size_t>(members), {.errors = 0, .gateway_errors = 0});
    world.sweep();
    for (std::uint32_t place = 0; place < world.vitals.size(); ++place) {
      world.report(place, place == 1 ? Outcome::Error : Outcome::Good, requests);
    }
    world.now += 10s;
    world.sweep();
    CHECK(world.ejected() == 0);
  }
}

TEST_CASE("errors in a row are counted exactly, whoever reports them") {
  constexpr std::uint32_t kMembers = 500;
  World world(kMembers, {.errors = 40, .gateway_errors = 0, .ejected_percent_max = 100});
  std::barrier barrier(4, [] noexcept {});
  auto work = [&](std::uint64_t seed) {
    auto report_each = [&](int times, std::uint32_t first = 0, std::uint32_t step = 1) {
      for (int i = 0; i < times; ++i) {
        for (std::uint32_t place = first; place < kMembers; place += step) {
          world.outliers.on_result(world.group, place, Outcome::Error, kStart);
        }
      }
    };
    report_each(9);
    barrier.arrive_and_wait();
    if (seed == 0) report_each(3);  // 39 in all
    barrier.arrive_and_wait();
    if (seed == 1) CHECK(world.ejected() == 0);
    barrier.arrive_and_wait();
    report_each(1, static_cast<std::uint32_t>(seed), 4);  // the fortieth
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 0; seed < 4; ++seed) threads.emplace_back(work, seed);
  }
  CHECK(world.ejected() == kMembers - 1);
}

TEST_CASE("neither the cap nor the last usable member is overrun, whoever fails at once") {
  for (auto [percent, most] : {std::pair(50.0, 8U), {100.0, 15U}}) {
    for (int round = 0; round < 50; ++round) {
      World world(16, {.errors = 2, .ejected_percent_max = percent});
      std::atomic<int> overruns{0};
      std::atomic<std::uint32_t> changes{0};
      std::barrier barrier(4, [] noexcept {});
      auto work = [&](std::uint32_t first) {
        barrier.arrive_and_wait();
        for (std::uint32_t i = 0; i < 64; ++i) {
          auto place = (first * 4 + i) % 16;
          changes += world.outliers.on_result(world.group, place, Outcome::Error, kStart);
          // Nobody comes back here, so that counting one by one cannot count too many.
          auto out = std::ranges::count_if(world.vitals, std::not_fn(&Vitals::is_usable));
          overruns += static_cast<std::uint32_t>(out) > most;
        }
      };
      {
        std::vector<std::jthread> threads;
        for (std::uint32_t first = 0; first < 4; ++first) threads.emplace_back(work, first);
      }
      CHECK(overruns == 0);
      CHECK(changes >= 1);
      CHECK(world.ejected() == most);
    }
  }
}

TEST_CASE("members that fail, do well, are swept and come back at once are never all out") {
  World world(12, {.errors = 3,
                   .ejection = 1ms,
                   .ejection_max = 5ms,
                   .ejected_percent_max = 40,
                   .window_members_min = 0});
  std::atomic<std::int64_t> clock{0};
  std::atomic<bool> stop{false};
  std::atomic<int> changes{0};
  auto now = [&] { return kStart + std::chrono::microseconds(clock.fetch_add(1)); };
  std::vector<std::jthread> workers;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    workers.emplace_back([&, seed] {
      base::Random random(seed);
      for (int i = 0; i < 60'000; ++i) {
        auto outcome = random.next() % 10 < 8 ? Outcome::Gateway : Outcome::Good;
        auto place = static_cast<std::uint32_t>(random.next() % 12);
        changes += world.outliers.on_result(world.group, place, outcome, now());
      }
    });
  }
  std::array<EjectionCause, 12> told{};
  auto note = [&](std::uint32_t place, EjectionCause cause) {
    ++changes;  // that the steward has judged itself
    told[place] = cause;
  };
  std::jthread steward([&] {
    while (!stop) world.outliers.sweep(world.group, now(), note);
  });
  workers.clear();
  stop = true;
  steward.join();
  CHECK(world.ejected() <= 4);
  world.outliers.sweep(world.group, kStart + 1h, note);
  CHECK(world.ejected() == 0);
  CHECK(std::ranges::count(told, EjectionCause::None) == 12);
  CHECK(changes > 20);
}

TEST_SUITE_END();

}  // namespace cirque::upstream
