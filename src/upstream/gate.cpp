#include "upstream/gate.h"

#include <algorithm>

namespace cirque::upstream {

void Gate::set_policy(const GatePolicy& policy) noexcept {
  breaker_.set_policy({.failure_threshold = std::max(1U, policy.failure_threshold),
                       .timeout = policy.breaker_timeout,
                       .probe_lease = policy.probe_lease});
  bool has_limit = policy.concurrency > 0;
  limit_.set_limit(has_limit ? policy.concurrency : base::ConcurrencyLimit::kNoLimit);
  has_limit_.store(has_limit, std::memory_order_relaxed);
  has_breaker_.store(policy.has_breaker(), std::memory_order_relaxed);
}

Gate::Door Gate::door(Time now) const noexcept {
  if (wait(now) > Duration::zero()) return Door::Cut;
  return limit_.in_use() >= limit_.limit() ? Door::Full : Door::Open;
}

Duration Gate::wait(Time now) const noexcept {
  bool has_breaker = has_breaker_.load(std::memory_order_relaxed);
  return has_breaker ? breaker_.wait(now) : Duration::zero();
}

CircuitState Gate::circuit(Time now) const noexcept {
  bool has_breaker = has_breaker_.load(std::memory_order_relaxed);
  return has_breaker ? breaker_.state(now) : CircuitState::Closed;
}

// The place first: a probe's leave is not to be taken by one that has no room.
std::optional<Gate::Leave> Gate::admit(Time now) noexcept {
  Leave leave;
  if (has_limit_.load(std::memory_order_relaxed)) {
    leave.place_ = limit_.try_acquire();
    if (!leave.place_) return std::nullopt;
  }
  if (has_breaker_.load(std::memory_order_relaxed)) {
    leave.circuit_ = breaker_.admit(now);
    if (!leave.circuit_) return std::nullopt;
  }
  return leave;
}

Breaker::Change Gate::Leave::report(Outcome outcome, Time now) noexcept {
  if (!circuit_) return Breaker::Change::None;
  return outcome == Outcome::Good ? circuit_->succeed(now) : circuit_->fail(now);
}

}  // namespace cirque::upstream
