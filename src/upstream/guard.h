#pragma once
// What stands before a pool: its circuit breaker, and how many requests it takes at once. Shared by
// all workers, kept while the pool stays.
#include "base/concurrency.h"
#include "upstream/breaker.h"

namespace cirque::upstream {

struct GuardPolicy {
  bool has_breaker = false;
  BreakerPolicy breaker;
  std::uint32_t concurrency = 0;  // 0: any number

  bool is_any() const noexcept { return has_breaker || concurrency > 0; }
};

class Guard {
 public:
  explicit Guard(const GuardPolicy& policy)
      : breaker(policy.breaker), limit({.limit = limit_of(policy)}) {}

  void set_policy(const GuardPolicy& policy) noexcept {
    breaker.set_policy(policy.breaker);
    limit.set_limit(limit_of(policy));
  }

  Breaker breaker;
  base::ConcurrencyLimit limit;

 private:
  static std::uint32_t limit_of(const GuardPolicy& policy) noexcept {
    return policy.concurrency > 0 ? policy.concurrency : base::ConcurrencyLimit::kNoLimit;
  }
};

}  // namespace cirque::upstream
