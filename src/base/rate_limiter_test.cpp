#include "base/rate_limiter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "base/rate_bucket.h"

namespace cirque::base {
namespace {

constexpr Time kStart = Time(1h);

// The same said with a credit that fills up, and a map that forgets nothing.
struct Reference {
  struct Account {
    Duration credit;
    Time seen;
  };

  std::unordered_map<std::uint64_t, Account> accounts;

  bool take(std::uint64_t key, const Rate& rate, Time now) {
    auto& account = accounts.try_emplace(key, rate.depth, now).first->second;
    account.credit = std::min(rate.depth, account.credit + (now - account.seen));
    account.seen = now;
    if (account.credit < rate.interval) return false;
    account.credit -= rate.interval;
    return true;
  }
};

thread_local Random hesitation(0);

// Lets others go first now and then, so that threads meet between any two steps, as they would
// once in a million years of a test with plain atomics.
class Hesitant {
 public:
  std::uint64_t load(std::memory_order order) const { return hesitated().load(order); }

  void store(std::uint64_t wanted, std::memory_order order) { hesitated().store(wanted, order); }

  template <class... Orders>
  bool compare_exchange_strong(std::uint64_t& seen, std::uint64_t wanted, Orders... orders) {
    return hesitated().compare_exchange_strong(seen, wanted, orders...);
  }

  template <class... Orders>
  bool compare_exchange_weak(std::uint64_t& seen, std::uint64_t wanted, Orders... orders) {
    return hesitated().compare_exchange_weak(seen, wanted, orders...);
  }

 private:
  std::atomic<std::uint64_t>& hesitated() const {
    if (hesitation.next() % 8 == 0) std::this_thread::yield();
    return value_;
  }

  mutable std::atomic<std::uint64_t> value_{0};
};

int take_all(RateLimiter& limiter, std::uint64_t key, const Rate& rate, Time now) {
  int taken = 0;
  while (limiter.take(key, rate, now).allowed) ++taken;
  return taken;
}

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("a rate limiter allows a burst at once, and then so many in a period") {
  RateLimiter limiter(100, kStart);
  auto rate = Rate::of(10, 1s, 5);
  CHECK(take_all(limiter, 1, rate, kStart) == 5);
  CHECK(take_all(limiter, 1, rate, kStart + 100ms - 1ns) == 0);
  CHECK(take_all(limiter, 1, rate, kStart + 100ms) == 1);
  CHECK(take_all(limiter, 1, rate, kStart + 350ms) == 2);
  CHECK(take_all(limiter, 1, rate, kStart + 1h) == 5);
  CHECK(take_all(limiter, 2, rate, kStart) == 5);  // of another key
  CHECK(take_all(limiter, 0, rate, kStart) == 5);  // zero is a key like any other
}

TEST_CASE("a rate limiter tells what remains and when to come again") {
  RateLimiter limiter(100, kStart);
  auto rate = Rate::of(60, 1min, 3);
  auto first = limiter.take(1, rate, kStart);
  CHECK(first.allowed);
  CHECK(first.remaining == 2);
  CHECK(first.retry_after == 0s);
  CHECK(first.reset == 1s);
  limiter.take(1, rate, kStart);
  auto third = limiter.take(1, rate, kStart);
  CHECK(third.allowed);
  CHECK(third.remaining == 0);
  CHECK(third.retry_after == 1s);
  CHECK(third.reset == 3s);
  auto fourth = limiter.take(1, rate, kStart + 400ms);
  CHECK_FALSE(fourth.allowed);
  CHECK(fourth.retry_after == 600ms);
  CHECK(fourth.reset == 2600ms);
  CHECK(limiter.take(1, rate, kStart + 400ms + fourth.retry_after).allowed);
}

TEST_CASE("a rate that does not divide its period is never exceeded") {
  RateLimiter limiter(100, kStart);
  auto rate = Rate::of(3, 1s, 1);
  int allowed = 0;
  for (auto now = kStart; now < kStart + 100s; now += 1ms)
    allowed += limiter.take(1, rate, now).allowed;
  CHECK(allowed <= 300);
  CHECK(allowed >= 299);
  CHECK(Rate::of(1, 24h * 1000, 1000).depth == 24h * 365);  // instead of an overflow
}

TEST_CASE("a rate that changes holds at once") {
  RateLimiter limiter(100, kStart);
  CHECK(take_all(limiter, 1, Rate::of(10, 1s, 10), kStart) == 10);
  CHECK(take_all(limiter, 1, Rate::of(10, 1s, 15), kStart) == 5);
  CHECK(take_all(limiter, 1, Rate::of(10, 1s, 5), kStart) == 0);
  CHECK(limiter.take(1, Rate::of(10, 1s, 5), kStart).retry_after == 1100ms);
}

TEST_CASE("a worker whose clock lags takes from the same credit") {
  RateLimiter limiter(100, kStart);
  auto rate = Rate::of(10, 1s, 5);
  CHECK(take_all(limiter, 1, rate, kStart + 1s) == 5);
  CHECK(take_all(limiter, 1, rate, kStart + 990ms) == 0);
  CHECK(take_all(limiter, 1, rate, kStart - 1s) == 0);
}

TEST_CASE("random requests to a rate limiter agree with credits in a map") {
  Random random(3);
  for (int round = 0; round < 100; ++round) {
    RateLimiter limiter(4096, kStart);
    Reference reference;
    auto rate = Rate::of(1 + random.next() % 100, 1s, 1 + random.next() % 20);
    Time now = kStart;
    for (int step = 0; step < 10'000; ++step) {
      auto key = random.next() % 50;
      REQUIRE(limiter.take(key, rate, now).allowed == reference.take(key, rate, now));
      now += Duration(static_cast<std::int64_t>(random.next() % 2'000'000));
    }
    CHECK(limiter.forgotten() == 0);
  }
}

TEST_CASE("threads together are allowed exactly the burst of each of many keys") {
  constexpr int kThreads = 4;
  constexpr std::size_t kKeys = 10'000;
  RateLimiter limiter(4 * kKeys, kStart);
  auto rate = Rate::of(10, 1min, 10);
  std::vector<std::atomic<int>> allowed(kKeys);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&] {
        for (int again = 0; again < 5; ++again) {
          for (std::size_t key = 0; key < kKeys; ++key) {
            allowed[key] += limiter.take(mix(key), rate, kStart).allowed;
          }
        }
      });
    }
  }
  std::size_t exact = 0;
  for (const auto& times : allowed) exact += times == 10;
  CHECK(exact == kKeys);
  CHECK(limiter.count(kStart) == kKeys);
  CHECK(limiter.forgotten() == 0);
}

// Eight keys of now find eight of before whose credit is back, and four threads want to write each
// of them first.
TEST_CASE("threads that bring the same new keys to one bucket at once never get two places") {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kRounds = 3000;
  constexpr std::uint64_t kKeys = 8;
  RateBucket<Hesitant> bucket;
  auto rate = Rate::of(1, 1min, 2);
  std::array<std::atomic<int>, kKeys> allowed{};
  std::uint64_t round = 1;
  int wrong = 0;
  std::barrier turn(kThreads, [&]() noexcept {
    for (auto& times : allowed) wrong += times.exchange(0) != 2;
    ++round;
  });
  auto take = [&](const RateAsked& asked) {
    while (true) {
      if (auto verdict = bucket.find_and_charge(asked)) return verdict->allowed;
      bucket.offer(asked);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        hesitation = Random(thread);
        while (round <= kRounds) {
          auto now = static_cast<std::uint64_t>(Duration(round * 1h).count());
          for (std::uint64_t i = 0; i < 2 * kKeys; ++i) {
            allowed[i % kKeys] += take({round * kKeys + i % kKeys, rate, now});
          }
          turn.arrive_and_wait();
        }
      });
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("a million keys are limited in twice as many entries") {
  constexpr std::uint64_t kKeys = 1'000'000;
  RateLimiter limiter(2 * kKeys, kStart);
  CHECK(limiter.bytes() == 16 * 2 * kKeys);
  auto rate = Rate::of(1, 1h, 1);
  for (std::uint64_t key = 0; key < kKeys; ++key) {
    if (!limiter.take(mix(key), rate, kStart).allowed) FAIL("a key was taken for another");
  }
  CHECK(limiter.forgotten() < kKeys / 1000);
  CHECK(limiter.count(kStart) + limiter.forgotten() == kKeys);
  std::uint64_t again = 0;
  for (std::uint64_t key = 0; key < kKeys; ++key) {
    again += limiter.take(mix(key), rate, kStart + 30min).allowed;
  }
  CHECK(again < kKeys / 500);
}

TEST_CASE("a flood of new keys drives out its own, not those that are over their limit") {
  constexpr std::uint64_t kOver = 100;
  RateLimiter limiter(1600, kStart);
  auto rate = Rate::of(10, 1s, 10);
  for (std::uint64_t key = 0; key < kOver; ++key) take_all(limiter, mix(key), rate, kStart);
  for (std::uint64_t key = 0; key < 100'000; ++key) limiter.take(mix(kOver + key), rate, kStart);
  CHECK(limiter.forgotten() > 90'000);
  CHECK(limiter.count(kStart) == 1600);
  std::uint64_t remembered = 0;
  for (std::uint64_t key = 0; key < kOver; ++key) {
    remembered += !limiter.take(mix(key), rate, kStart).allowed;
  }
  CHECK(remembered == kOver);
}

TEST_CASE("keys whose credit is back make room without anybody being forgotten") {
  RateLimiter limiter(160, kStart);
  auto rate = Rate::of(1, 1s, 1);
  Time now = kStart;
  for (std::uint64_t key = 0; key < 100'000; ++key) {
    REQUIRE(limiter.take(mix(key), rate, now).allowed);
    now += 50ms;
  }
  CHECK(limiter.forgotten() == 0);
  CHECK(limiter.count(now) <= 20);
}

TEST_CASE("looking at a rate limiter takes nothing") {
  RateLimiter limiter(16, kStart);
  auto rate = Rate::of(2, 1s, 2);
  CHECK(limiter.look(7, rate, kStart).allowed);
  CHECK(limiter.look(7, rate, kStart).remaining == 2);
  CHECK(limiter.count(kStart) == 0);
  CHECK(take_all(limiter, 7, rate, kStart) == 2);
  auto seen = limiter.look(7, rate, kStart);
  CHECK_FALSE(seen.allowed);
  CHECK(seen.remaining == 0);
  CHECK(seen.retry_after == 500ms);
  CHECK(seen.reset == 1s);
  CHECK(limiter.look(7, rate, kStart + 500ms).allowed);
  CHECK(take_all(limiter, 7, rate, kStart + 500ms) == 1);
}

TEST_CASE("what is given back to a rate limiter was never taken") {
  RateLimiter limiter(16, kStart);
  auto rate = Rate::of(3, 3s, 3);
  CHECK(take_all(limiter, 7, rate, kStart) == 3);
  limiter.give_back(7, rate, kStart);
  CHECK(take_all(limiter, 7, rate, kStart) == 1);
  limiter.give_back(8, rate, kStart);  // a key that is not there
  CHECK(limiter.look(8, rate, kStart).remaining == 3);
  for (int i = 0; i < 5; ++i) limiter.give_back(7, rate, kStart);  // more than there ever was
  CHECK(take_all(limiter, 7, rate, kStart) == 3);
}

TEST_CASE("threads that take and give back leave exactly what they kept") {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20'000;
  RateLimiter limiter(16, kStart);
  auto rate = Rate::of(1, 1h, 100);
  std::atomic<int> kept{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kRounds; ++i) {
          if (!limiter.take(7, rate, kStart).allowed) continue;
          if (i % 1000 == 0) {
            ++kept;
          } else {
            limiter.give_back(7, rate, kStart);
          }
        }
      });
    }
  }
  CHECK(limiter.look(7, rate, kStart).remaining == static_cast<std::uint64_t>(100 - kept));
}

TEST_CASE("who was blocked for hours is not, once the rate is another") {
  RateLimiter limiter(100, kStart);
  CHECK(take_all(limiter, 7, Rate::of(1, 1h, 5), kStart) == 5);
  CHECK(take_all(limiter, 8, Rate::of(1, 1s, 1), kStart) == 1);
  auto fast = Rate::of(10, 1s, 10);
  CHECK_FALSE(limiter.look(7, fast, kStart + 1h).allowed);
  limiter.cap_debts(fast, kStart);
  CHECK(limiter.look(7, fast, kStart).retry_after == 100ms);
  CHECK(take_all(limiter, 7, fast, kStart + 1s) == 10);
  CHECK(take_all(limiter, 8, fast, kStart + 500ms) == 5);
}

TEST_SUITE_END();

}  // namespace cirque::base
