#pragma once
// How many retries there may be: a share of the requests of late and a few more, so that a backend
// in trouble is not asked twice as much as one that is well.
#include <array>
#include <atomic>
#include <cstdint>

#include "cirque/clock.h"

namespace cirque::upstream {

struct RetryPolicy {
  std::uint32_t percent = 20;    // of the requests of the window
  std::uint32_t per_second = 3;  // besides, so that a quiet service retries at all

  bool operator==(const RetryPolicy&) const = default;
};

// Shared by all workers: atomics, no lock, no allocation. The window is the running second of the
// clock and the nine before it. At every moment
//
//   retries of the window * 100 <= requests of the window * percent + 100 * 10 * per_second,
//
// exactly, whoever asks at the same time: a quiet service may spend the window's 30 at once, and
// then waits for them to pass out of the window. Requests count when they arrive, retries do not
// count as requests.
class RetryBudget {
 public:
  static constexpr std::uint32_t kWindowSeconds = 10;

  explicit RetryBudget(const RetryPolicy& policy = {}) noexcept { set_policy(policy); }

  RetryBudget(const RetryBudget&) = delete;
  RetryBudget& operator=(const RetryBudget&) = delete;

  // A request has come, and will perhaps be retried.
  void count_request(Time now) noexcept { count_requests(now, 1); }

  // Several have, of late.
  void count_requests(Time now, std::uint32_t count) noexcept;

  // May there be one retry more? If so, it is counted; it cannot be given back.
  bool take(Time now) noexcept;

  // For metrics: how many retries there could be now.
  std::uint64_t left(Time now) const noexcept;

  // Holds at once. What was retried stays counted.
  void set_policy(const RetryPolicy& policy) noexcept;

 private:
  // A second and its count in one word each, in the place that the second has in the ring.
  static constexpr std::uint32_t kRing = 16;
  static_assert(kRing > kWindowSeconds, "a second that is in the window is not overwritten");
  using Ring = std::array<std::atomic<std::uint64_t>, kRing>;

  std::uint64_t allowed(std::uint32_t second) const noexcept;
  std::uint64_t taken(std::uint64_t current, std::uint32_t second) const noexcept;
  void settle(std::uint64_t current) noexcept;

  // Read and written by every request, so not beside what only a retry needs. Relaxed: a count
  // that is seen a little late allows too few retries, never too many.
  alignas(64) Ring requests_{};
  // The running second's retries. Whoever takes one replaces this word, which makes them queue: see
  // take().
  alignas(64) std::atomic<std::uint64_t> current_{0};
  // Those of seconds that have passed, each final before `current_` leaves it.
  Ring past_{};
  std::atomic<std::uint32_t> percent_;
  std::atomic<std::uint32_t> per_second_;
};

}  // namespace cirque::upstream
