#pragma once
// What stands before a pool: its circuit breaker, how many requests it takes at once, and the line
// of those for whom there is no room yet. Shared by all workers, kept while the pool stays.
#include <memory>
#include <span>

#include "base/concurrency.h"
#include "upstream/breaker.h"
#include "upstream/queue.h"
#include "upstream/standby.h"

namespace cirque::upstream {

struct QueuePolicy {
  std::uint32_t size = 0;  // so many may wait; 0: nobody
  Duration patience{};     // so long

  bool operator==(const QueuePolicy&) const = default;
};

struct GuardPolicy {
  bool has_breaker = false;
  BreakerPolicy breaker;
  std::uint32_t concurrency = 0;  // 0: any number
  QueuePolicy queue = {};

  bool is_any() const noexcept { return has_breaker || concurrency > 0; }
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
    limit.set_limit(limit_of(policy));
    if (standby) standby->on_room();  // the limits of backends may have changed, too
  }

  Breaker breaker;
  base::ConcurrencyLimit limit{{}};
  // Null: there never was one.
  std::unique_ptr<Queue> queue;
  std::unique_ptr<Standby>
      standby;  // of those for whom the pool has room, but none of its backends

 private:
  static std::uint32_t limit_of(const GuardPolicy& policy) noexcept {
    return policy.concurrency > 0 ? policy.concurrency : base::ConcurrencyLimit::kNoLimit;
  }
};

}  // namespace cirque::upstream
