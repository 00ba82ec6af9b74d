#include "upstream/slow_start.h"

#include <algorithm>
#include <cmath>

namespace cirque::upstream {

double ramp(const SlowStart& policy, Time since, Time now) noexcept {
  if (policy.window <= Duration::zero() || since < now - policy.window) return 1;
  auto part =
      static_cast<double>((now - since).count()) / static_cast<double>(policy.window.count());
  auto curved = std::pow(std::clamp(part, 0.0, 1.0), 1 / policy.aggression);
  return std::clamp(curved, std::max(policy.min_percent / 100, 0.001), 1.0);
}

}  // namespace cirque::upstream
