#pragma once
// When the health checks of all pools may begin: never many at once, however many backends there
// are and whenever they came.
#include <algorithm>

#include "cirque/clock.h"

namespace cirque::upstream {

// The steward's; one for all pools, and outlives their checks. A value that is told the time.
class HealthPace {
 public:
  // Checks a second, in all: what a thread beside the workers does in a fraction of its time.
  static constexpr double kRateMax = 2000;
  // The first checks of new backends, at least: few backends are all asked at once, or nearly.
  static constexpr double kFirstRateMin = 100;
  static constexpr unsigned kBurst = 32;

  // What a pool asks for, in checks a second, has changed by so much.
  void add_demand(double rate) noexcept { demand_ += rate; }

  // How long to wait before the first check of a backend. Thousands that come together are spread
  // over an interval, and stay so, since each then keeps to its interval.
  Duration before_first(Time now) noexcept {
    constexpr double kHaste = 1.1;  // new ones come on top of what is due already
    auto rate = std::clamp(demand_ * kHaste, kFirstRateMin, kRateMax);
    return std::max(first_.take(now, rate), all_.take(now, kRateMax));
  }

  // Before any other: that many fall due at once (they have gone down together, and are asked every
  // second) is no reason to keep a core busy.
  Duration before_next(Time now) noexcept { return all_.take(now, kRateMax); }

 private:
  // Turns at a rate (GCRA).
  struct Turns {
    Duration take(Time now, double rate) noexcept {
      auto gap = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / rate));
      auto turn = std::max(next, now - kBurst * gap);
      next = turn + gap;
      return std::max(turn - now, Duration::zero());
    }

    Time next{};
  };

  double demand_ = 0;
  Turns first_;
  Turns all_;
};

}  // namespace cirque::upstream
