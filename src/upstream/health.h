#pragma once
// Active health: each backend of a pool is checked now and then. Runs on the steward; cores only
// read the verdict, in the backend's standing.
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "upstream/health_pace.h"
#include "upstream/health_policy.h"
#include "upstream/roll.h"

namespace cirque::upstream {

// What one backend's probes have come to. A value; it knows no time.
class HealthState {
 public:
  explicit HealthState(const HealthPolicy& policy, bool healthy = true) noexcept
      : policy_(policy), healthy_(healthy) {}

  // True: the verdict has changed.
  bool count(bool success) noexcept;

  bool is_healthy() const noexcept { return healthy_; }

  // A verdict is under way: look again soon.
  bool is_in_transition() const noexcept { return in_a_row_ > 0; }

 private:
  const HealthPolicy& policy_;
  bool healthy_;
  unsigned in_a_row_ = 0;  // probes that contradict the verdict
};

// The probes of one pool. Lives on the steward's loop, which outlives it, as does the pace.
class HealthChecks {
 public:
  // `reason` is a slug, empty for a success.
  struct Listener {
    std::function<void(const Seat&, bool healthy, std::string_view reason)> on_change;
    std::function<void(const Seat&, std::string_view reason)> on_failure = [](auto&&...) {};
  };

  HealthChecks(loop::Loop& loop, HealthPace& pace, HealthPolicy policy, Listener listener);

  // From now on exactly these are probed; what is new is probed as soon as the pace has a turn for
  // it, and starts healthy.
  void watch(const std::vector<Seat>& seats);

  // Verdicts stay, and hold for the next probe what is wanted now. watch() is to follow: an
  // interval that has become shorter begins at once.
  void set_policy(const HealthPolicy& policy);

 private:
  Task<> probe_forever(Seat seat);
  Task<> wait_as_newcomer();
  Task<> wait(Duration time);
  Duration until_next(bool is_in_transition) noexcept;

  loop::Loop& loop_;
  HealthPace& pace_;
  HealthPolicy policy_;
  Listener listener_;
  std::map<const Standing*, std::unique_ptr<loop::Scope>> probes_;
  base::Random random_;
};

}  // namespace cirque::upstream
