#pragma once
// What stands before a pool: its circuit breaker, how many requests it takes at once, and the line
// of those for whom there is no room yet. Shared by all workers, kept while the pool stays.
#include <algorithm>
#include <atomic>
#include <memory>
#include <span>

#include "base/concurrency.h"
#include "base/gradient.h"
#include "upstream/breaker.h"
#include "upstream/queue.h"
#include "upstream/standby.h"

namespace cirque::upstream {

struct QueuePolicy {
  std::uint32_t size = 0;  // so many may wait; 0: nobody
  Duration patience{};     // so long

  bool operator==(const QueuePolicy&) const = default;
};

// A limit that is found out, from how long answers take.
struct AdaptivePolicy {
  std::uint32_t min = 4;
  std::uint32_t max = 0;  // 0: it is not
  Duration window = 1s;

  bool operator==(const AdaptivePolicy&) const = default;
};

struct GuardPolicy {
  bool has_breaker = false;
  BreakerPolicy breaker = {};
  std::uint32_t concurrency = 0;  // 0: any number
  AdaptivePolicy adaptive = {};
  QueuePolicy queue = {};

  bool is_adaptive() const noexcept { return adaptive.max > 0; }

  bool is_limited() const noexcept { return concurrency > 0 || is_adaptive(); }

  bool is_any() const noexcept { return has_breaker || is_limited(); }
};

class Guard : public std::enable_shared_from_this<Guard> {
 public:
  // Steward only. `loops`: of all cores, by their index; they outlive it.
  static std::shared_ptr<Guard> make(const GuardPolicy& policy,
                                     std::span<loop::Loop* const> loops) {
    auto guard = std::make_shared<Guard>();
    guard->set_policy(policy, loops);
    return guard;
  }

  // Steward only, before anybody has a plan that says so. Those who wait go on under the new limit.
  void set_policy(const GuardPolicy& policy, std::span<loop::Loop* const> loops) {
    breaker.set_policy(policy.breaker);
    if (policy.queue.size > 0 && !queue) {
      queue = std::make_unique<Queue>(limit, loops, weak_from_this());
      standby = std::make_unique<Standby>(loops, weak_from_this());
    }
    limit.set_waiting_max(policy.queue.size);
    if (policy.is_adaptive()) {
      adaptive.turn_on(gradient_of(policy.adaptive));
    } else {
      adaptive.turn_off();
      limit.set_limit(limit_of(policy));
    }
    if (standby) standby->on_room();  // the limits of backends may have changed, too
  }

  // Requests that another pool has taken over from this one: as a circuit was open, or nobody well.
  void count_failover(bool is_cut) noexcept {
    (is_cut ? failovers_cut : failovers_unwell).fetch_add(1, std::memory_order_relaxed);
  }

  // Requests that were told to go away, for want of room, by a circuit, or for their size.
  struct Refusals {
    std::atomic<std::uint64_t> full{0};
    std::atomic<std::uint64_t> cut{0};
    std::atomic<std::uint64_t> too_large{0};
  };

  Refusals refusals;
  std::atomic<std::uint64_t> failovers_cut{0};
  std::atomic<std::uint64_t> failovers_unwell{0};
  Breaker breaker;
  base::ConcurrencyLimit limit{{}};
  base::AdaptiveLimit adaptive{limit};
  // Null: there never was one.
  std::unique_ptr<Queue> queue;
  std::unique_ptr<Standby>
      standby;  // of those for whom the pool has room, but none of its backends

 private:
  // It begins with what most backends can take.
  static base::GradientPolicy gradient_of(const AdaptivePolicy& policy) noexcept {
    base::GradientPolicy gradient{.min = policy.min, .max = policy.max, .window = policy.window};
    gradient.initial = std::clamp(gradient.initial, policy.min, policy.max);
    return gradient;
  }

  static std::uint32_t limit_of(const GuardPolicy& policy) noexcept {
    return policy.concurrency > 0 ? policy.concurrency : base::ConcurrencyLimit::kNoLimit;
  }
};

}  // namespace cirque::upstream
