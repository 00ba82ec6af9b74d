#pragma once
// A member that has just come, or come back, begins with a part of its weight: its caches are cold.
#include "cirque/clock.h"

namespace cirque::upstream {

// As Envoy has it: weight * max(min_percent, (age / window) ^ (1 / aggression)).
struct SlowStart {
  Duration window = Duration::zero();  // zero: full weight at once
  double aggression = 1;               // above 1: more of the weight early; 1: in proportion
  double min_percent = 10;

  bool operator==(const SlowStart&) const = default;
};

// The part of its weight, above 0 and at most 1, that a member usable since then has.
double ramp(const SlowStart& policy, Time since, Time now) noexcept;

}  // namespace cirque::upstream
