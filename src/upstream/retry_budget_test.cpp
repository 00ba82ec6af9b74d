#include "upstream/retry_budget.h"

#include <doctest/doctest.h>

#include <map>
#include <thread>
#include <vector>

#include "base/random.h"

namespace cirque::upstream {
namespace {

constexpr Time kStart = Time(1h);

void count(RetryBudget& budget, int requests, Time now) {
  for (int i = 0; i < requests; ++i) budget.count_request(now);
}

int take_all(RetryBudget& budget, Time now) {
  int taken = 0;
  while (budget.take(now)) ++taken;
  return taken;
}

// As it is written down, with all that ever happened.
struct Reference {
  std::map<std::int64_t, std::uint64_t> requests, retries;

  static std::int64_t second(Time now) {
    return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  }

  static std::uint64_t in_window(const std::map<std::int64_t, std::uint64_t>& counts, Time now) {
    std::uint64_t all = 0;
    for (auto [when, many] : counts) all += second(now) - when < 10 ? many : 0;
    return all;
  }

  bool take(const RetryPolicy& policy, Time now) {
    auto most = in_window(requests, now) * policy.percent + 1000ULL * policy.per_second;
    if ((in_window(retries, now) + 1) * 100 > most) return false;
    ++retries[second(now)];
    return true;
  }
};

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("a retry budget of a quiet service is three a second") {
  RetryBudget budget;
  CHECK(budget.left(kStart) == 30);
  CHECK(take_all(budget, kStart) == 30);
  CHECK(take_all(budget, kStart + 9s) == 0);
  CHECK(take_all(budget, kStart + 10s) == 30);
}

TEST_CASE("a retry budget grows by a fifth of the requests, and no further") {
  RetryBudget budget;
  count(budget, 1000, kStart);
  CHECK(budget.left(kStart) == 230);
  CHECK(take_all(budget, kStart + 5s) == 230);
  CHECK(budget.left(kStart + 5s) == 0);
  count(budget, 4, kStart + 5s);
  CHECK_FALSE(budget.take(kStart + 5s));
  count(budget, 1, kStart + 5s);
  CHECK(budget.take(kStart + 5s));
  CHECK_FALSE(budget.take(kStart + 5s));
}

TEST_CASE("a retry budget forgets requests and retries after ten seconds") {
  RetryBudget budget({.percent = 10, .per_second = 0});
  count(budget, 100, kStart);
  CHECK(take_all(budget, kStart) == 10);
  count(budget, 100, kStart + 9s);
  CHECK(take_all(budget, kStart + 9s) == 10);
  count(budget, 100, kStart + 10s);
  CHECK(take_all(budget, kStart + 10s) == 10);  // the first hundred and its ten are over
  CHECK(take_all(budget, kStart + 19s) == 0);
  CHECK(budget.left(kStart + 1h) == 0);
}

TEST_CASE("a retry budget of nothing retries nothing") {
  RetryBudget budget({.percent = 0, .per_second = 0});
  count(budget, 1000, kStart);
  CHECK_FALSE(budget.take(kStart));
}

TEST_CASE("a retry budget works from the first second of the clock") {
  RetryBudget budget;
  count(budget, 100, Time{});
  CHECK(take_all(budget, Time{}) == 50);
  CHECK(take_all(budget, Time(9s)) == 0);
}

TEST_CASE("a retry budget's policy changes while it is in use") {
  RetryBudget budget;
  CHECK(take_all(budget, kStart) == 30);
  budget.set_policy({.percent = 20, .per_second = 4});
  CHECK(take_all(budget, kStart) == 10);
  budget.set_policy({.percent = 20, .per_second = 1});
  CHECK(budget.left(kStart) == 0);
}

TEST_CASE("a worker whose clock lags spends from the same retry budget") {
  RetryBudget budget;
  CHECK(take_all(budget, kStart) == 30);
  CHECK(take_all(budget, kStart - 5s) == 0);
  count(budget, 50, kStart - 5s);
  CHECK(take_all(budget, kStart) == 10);
}

TEST_CASE("random steps of a retry budget agree with a naive one") {
  base::Random random(7);
  for (int round = 0; round < 200; ++round) {
    RetryPolicy policy{.percent = static_cast<std::uint32_t>(random.next() % 60),
                       .per_second = static_cast<std::uint32_t>(random.next() % 4)};
    RetryBudget budget(policy);
    Reference reference;
    Time now = kStart;
    for (int step = 0; step < 2000; ++step) {
      auto what = random.next() % 100;
      if (what < 50) {
        budget.count_request(now);
        ++reference.requests[Reference::second(now)];
      } else if (what < 95) {
        REQUIRE(budget.take(now) == reference.take(policy, now));
      } else {
        now += std::chrono::milliseconds(random.next() % (what == 99 ? 30'000 : 1500));
      }
    }
  }
}

TEST_CASE("threads together take the retry budget exactly, across the seconds too") {
  RetryBudget budget({.percent = 20, .per_second = 3});
  std::atomic<std::int64_t> taken{0};
  for (int round = 0; round < 20; ++round) {
    auto now = kStart + round * std::chrono::seconds(RetryBudget::kWindowSeconds);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] { count(budget, 2500, now); });
      }
    }
    taken = 0;
    {
      std::vector<std::jthread> threads;
      // Each goes through the window at its own pace: seconds begin while others still take.
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
          for (int step = 0; step < 4000; ++step) {
            auto second = std::chrono::seconds(step * (i + 1) / 2000);
            taken.fetch_add(budget.take(now + second), std::memory_order_relaxed);
          }
        });
      }
    }
    REQUIRE(taken == 2030);
  }
}

TEST_SUITE_END();

}  // namespace cirque::upstream
