// What choosing one of 1,000 members costs, by each method: alone, with the count of the request
// that follows (half of the members have one under way), after a first attempt, and with the lists
// made anew because somebody's health has changed.
//
//   cmake --preset release -DCIRQUE_MICRO=ON && cmake --build --preset release --target
//   balancer_bench build/release/balancer_bench
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "upstream/balancer.h"

using namespace cirque;
using namespace cirque::upstream;

namespace {

constexpr std::uint32_t kMembers = 1000;
constexpr std::size_t kUnderWay = 500;
constexpr int kQuestions = 1 << 18;
constexpr int kRounds = 7;

// The best of all rounds: what disturbs a round only makes it slower.
template <class Ask>
double best_ns(int questions, Ask ask) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < questions; ++i) ask();
    auto spent = std::chrono::steady_clock::now() - begin;
    best = std::min(best, std::chrono::duration<double, std::nano>(spent).count() / questions);
  }
  return best;
}

enum class Weights { Equal, Different };

class Subject {
 public:
  Subject(Method method, Weights weights) {
    std::vector<Member> members;
    for (std::uint32_t i = 0; i < kMembers; ++i) {
      vitals_.emplace_back(bulletin_);
      vitals_.back().observe(std::chrono::microseconds(500 + random_.next() % 1000), now_);
      auto weight = weights == Weights::Equal ? 1 : 1 + i % 10;
      members.push_back(
          {.identity = base::mix(i + 1), .vitals = &vitals_.back(), .weight = weight});
    }
    auto set = std::make_shared<const MemberSet>(members, BalancerTerms{.method = method});
    balancer_.emplace(set, bulletin_, load_, 1);
    for (std::size_t i = 0; i < kUnderWay; ++i) flights_.push_back(fly(choose()));
  }

  std::uint32_t choose(std::span<const std::uint32_t> tried = {}) {
    now_ += 1us;
    auto choice = balancer_->choose({.now = now_, .hash = random_.next(), .tried = tried});
    sum_ += choice->place;
    return choice->place;
  }

  void serve() {
    auto& flight = flights_[oldest_++ % kUnderWay];
    flight = fly(choose());
  }

  void retry() {
    std::uint32_t tried = last_;
    last_ = choose({&tried, 1});
  }

  void flap() {
    vitals_[7].set(Ailment::Unhealthy);
    choose();
    vitals_[7].clear(Ailment::Unhealthy, now_);
    choose();
  }

 private:
  Flight fly(std::uint32_t place) { return {vitals_[place], load_}; }

  Bulletin bulletin_;
  PoolLoad load_;
  std::deque<Vitals> vitals_;
  base::Random random_{3};
  Time now_ = Time(1h);
  std::optional<Balancer> balancer_;
  std::vector<Flight> flights_;
  std::size_t oldest_ = 0;
  std::uint32_t last_ = 0;
  std::uint64_t sum_ = 0;
};

void measure(const char* name, Method method, Weights weights) {
  Subject subject(method, weights);
  auto alone = best_ns(kQuestions, [&] { subject.choose(); });
  auto served = best_ns(kQuestions, [&] { subject.serve(); });
  auto retried = best_ns(kQuestions, [&] { subject.retry(); });
  auto looked = best_ns(1000, [&] { subject.flap(); }) / 2;
  fmt::print("{:<30} {:8.1f} {:8.1f} {:8.1f} {:10.0f}\n", name, alone, served, retried, looked);
}

}  // namespace

int main() {
  fmt::print("{:<30} {:>8} {:>8} {:>8} {:>10}  ns, {} members\n", "", "choose", "+ count", "retry",
             "new lists", kMembers);
  measure("round robin", Method::RoundRobin, Weights::Equal);
  measure("round robin, weighted", Method::RoundRobin, Weights::Different);
  measure("least requests", Method::LeastRequests, Weights::Equal);
  measure("least requests, weighted", Method::LeastRequests, Weights::Different);
  measure("peak EWMA", Method::PeakEwma, Weights::Equal);
  measure("peak EWMA, weighted", Method::PeakEwma, Weights::Different);
  measure("random", Method::Random, Weights::Equal);
  measure("random, weighted", Method::Random, Weights::Different);
  measure("hash", Method::Hash, Weights::Equal);
  measure("hash, weighted", Method::Hash, Weights::Different);
}
