// What a question to the rate limiter costs: of one key, of a million, of keys never seen before,
// and of one key that every thread asks about at once.
//
//   cmake --preset release -DCIRQUE_MICRO=ON && cmake --build --preset release --target
//   rate_limiter_bench build/release/rate_limiter_bench
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "base/rate_limiter.h"

using namespace cirque;
using base::Rate;
using base::RateLimiter;

namespace {

constexpr std::uint64_t kKeys = 1'000'000;
constexpr int kQuestions = 1 << 20;
constexpr int kRounds = 7;

// The best of all rounds: what disturbs a round only makes it slower.
template <class Ask>
double best_ns(Ask ask) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kQuestions; ++i) ask();
    auto spent = std::chrono::steady_clock::now() - begin;
    best = std::min(best, std::chrono::duration<double, std::nano>(spent).count() / kQuestions);
  }
  return best;
}

struct Subject {
  RateLimiter limiter{2 * kKeys, Time{}};
  Rate rate = Rate::of(1000, 1s, 1'000'000'000);
  Time now{};

  bool ask(std::uint64_t key) {
    now += 1us;
    return limiter.take(base::mix(key), rate, now).allowed;
  }
};

double ns_together(int threads) {
  Subject subject;
  double worst = 0;
  std::vector<double> spent(static_cast<std::size_t>(threads));
  {
    std::vector<std::jthread> running;
    for (double& mine : spent) {
      running.emplace_back(
          [&] { mine = best_ns([&] { return subject.limiter.take(1, subject.rate, Time{}); }); });
    }
  }
  for (double mine : spent) worst = std::max(worst, mine);
  return worst;
}

}  // namespace

int main() {
  base::Random random(1);
  Subject subject;
  for (std::uint64_t key = 0; key < kKeys; ++key) subject.ask(key);
  fmt::print("one key                  {:6.1f} ns\n", best_ns([&] { return subject.ask(7); }));
  auto strict = Rate::of(1, 1h, 1);
  fmt::print("one key, refused         {:6.1f} ns\n",
             best_ns([&] { return subject.limiter.take(7, strict, subject.now); }));
  fmt::print("a million keys at random {:6.1f} ns\n",
             best_ns([&] { return subject.ask(random.next() % kKeys); }));
  fmt::print("keys never seen before   {:6.1f} ns\n",
             best_ns([&] { return subject.ask(random.next()); }));
  int threads = static_cast<int>(std::thread::hardware_concurrency());
  fmt::print("one key, {:2} threads      {:6.1f} ns\n", threads, ns_together(threads));
}
