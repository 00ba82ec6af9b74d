#pragma once
// When the health checks of all pools may begin: never many at once, however many backends there
// are and whenever they came.
#include <algorithm>

#include "cirque/clock.h"

namespace cirque::upstream {

// The steward's; one for all pools, and outlives their checks. It is told the time and the chance.
class HealthPace {
 public:
  // Checks a second, in all: what a thread beside the workers does in a fraction of its time.
  static constexpr unsigned kRateMax = 2000;
  static constexpr unsigned kBurst = 32;
  // So much for each newcomer: few of them are all asked at once, or nearly.
  static constexpr Duration kFirstApart = 10ms;

  HealthPace() = default;
  HealthPace(const HealthPace&) = delete;
  HealthPace& operator=(const HealthPace&) = delete;

  // A backend that waits for its first check.
  class Newcomer {
   public:
    explicit Newcomer(HealthPace& pace) noexcept : pace_(pace) { ++pace_.newcomers_; }

    Newcomer(const Newcomer&) = delete;
    Newcomer& operator=(const Newcomer&) = delete;

    ~Newcomer() { --pace_.newcomers_; }

   private:
    HealthPace& pace_;
  };

  // How long a newcomer is to wait. Thousands that come together are spread over their interval,
  // and stay so, since each then keeps to it. `chance` is from 0 to below 1.
  Duration before_first(Duration interval, double chance) const noexcept {
    auto span = std::min(interval, newcomers_ * kFirstApart);
    return std::chrono::duration_cast<Duration>(span * chance);
  }

  // How long anybody is to wait: that many are due at once (they have gone down together, and are
  // asked every second) is no reason to keep a core busy.
  Duration before_any(Time now) noexcept {
    constexpr Duration kGap = Duration(1s) / kRateMax;
    auto turn = std::max(next_, now - kBurst * kGap);
    next_ = turn + kGap;
    return std::max(turn - now, Duration::zero());
  }

 private:
  unsigned newcomers_ = 0;
  Time next_{};
};

}  // namespace cirque::upstream
