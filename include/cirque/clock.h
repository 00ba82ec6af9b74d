#pragma once
// Monotonic time. A loop reads the clock once a turn; everything in that turn shares the reading.
#include <chrono>

namespace cirque {

struct Monotonic {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Monotonic>;
  static constexpr bool is_steady = true;
};

using Duration = Monotonic::duration;
using Time = Monotonic::time_point;

inline constexpr Time kNever = Time::max();

using namespace std::chrono_literals;  // 15s, 250ms: durations always carry their unit

}  // namespace cirque
