#pragma once
// What one rate limit remembers of its clients. Shared by all workers, and kept from one
// configuration to the next while there is a limit of its name.
#include <atomic>
#include <cstdint>

#include "base/keyed_hash.h"
#include "base/rate_limiter.h"
#include "loop/loop.h"

namespace cirque::control {

class RateAccounts {
 public:
  explicit RateAccounts(std::size_t entries) : limiter(entries, loop::monotonic_now()) {}

  // A table of another size: the accounts begin anew, what was counted for metrics goes on.
  RateAccounts(std::size_t entries, const RateAccounts& before) : RateAccounts(entries) {
    refused.store(before.refused.load(std::memory_order_relaxed), std::memory_order_relaxed);
    let_pass.store(before.let_pass.load(std::memory_order_relaxed), std::memory_order_relaxed);
    forgotten_before_ = before.forgotten();
  }

  // Keys that were driven out before they had all their credit back.
  std::uint64_t forgotten() const noexcept { return forgotten_before_ + limiter.forgotten(); }

  base::RateLimiter limiter;
  // So that nobody can make two keys equal, or fill one bucket with his.
  const base::HashKey hash_key = base::HashKey::random();
  // For metrics: what was refused, and what would have been but for a dry run.
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> let_pass{0};

 private:
  std::uint64_t forgotten_before_ = 0;
};

}  // namespace cirque::control
