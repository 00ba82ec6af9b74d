#pragma once
// What choosing asks of a member, which is a backend in one pool: may it be chosen, since when, how
// much does it carry, and how quickly does it answer.
#include <atomic>
#include <cstdint>
#include <utility>

#include "cirque/clock.h"

namespace cirque::upstream {

// How often any member of the process has become usable or stopped being so. Whoever keeps a list
// of those that are looks at this one number, and only when it has changed at all the members.
class Bulletin {
 public:
  std::uint64_t issue() const noexcept { return issue_.load(std::memory_order_acquire); }

 private:
  friend class Vitals;

  void publish() noexcept { issue_.fetch_add(1, std::memory_order_acq_rel); }

  std::atomic<std::uint64_t> issue_{0};
};

// Why a backend is not to be chosen. Several may hold at once, each set and cleared by the one who
// found it.
enum class Ailment : std::uint8_t {
  Unhealthy = 1,  // active checks
  Ejected = 2,    // results of live traffic
  Draining = 4,   // somebody wants it so: it gets nothing, not even when all others ail
};

// Any thread; all atomics, each good by itself. Outlives reloads that keep the member.
class alignas(64) Vitals {
 public:
  // Usable since `since`: one that was added just now is slow to start, one that has been
  // there for ever is not.
  explicit Vitals(Bulletin& bulletin, Time since = kForEver) noexcept
      : bulletin_(bulletin), usable_since_(since) {}

  static constexpr Time kForEver = Time::min();

  // True: it was usable and is no longer.
  bool set(Ailment ailment) noexcept;
  // True: it was the last ailment, and the member is usable again.
  bool clear(Ailment ailment, Time now) noexcept;

  bool is_usable() const noexcept { return ailments_.load(std::memory_order_acquire) == 0; }

  bool has(Ailment ailment) const noexcept {
    return ailments_.load(std::memory_order_acquire) & static_cast<std::uint8_t>(ailment);
  }

  // No check has found it down, and nobody wants it to drain.
  bool is_merely_ejected() const noexcept {
    return ailments_.load(std::memory_order_acquire) == static_cast<std::uint8_t>(Ailment::Ejected);
  }

  Time usable_since() const noexcept { return usable_since_.load(std::memory_order_relaxed); }

  // Requests of the whole process that it has not answered: see Flight.
  std::uint32_t in_flight() const noexcept { return in_flight_.load(std::memory_order_relaxed); }

  // It has answered, with the head of a response, after so long. An answer that says that it is
  // broken is quick and worth nothing: report those with the time that a good one might take, or
  // not at all.
  void observe(Duration latency, Time now) noexcept;

  // Microseconds that an answer takes: the slowest of late, forgotten over kLatencyMemory. Zero:
  // nothing is known.
  float latency_us(Time now) const noexcept;

  // A slow answer counts at once and then less and less, so that who was slow is asked again. By
  // feel; Finagle, whose idea it is, has the same.
  static constexpr Duration kLatencyMemory = 10s;

 private:
  friend class Flight;

  // Written with every request.
  std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::uint64_t> latency_{0};  // see vitals.cpp
  // Read with every request, written seldom.
  alignas(64) Bulletin& bulletin_;
  std::atomic<Time> usable_since_;
  std::atomic<std::uint8_t> ailments_{0};
};

// Requests under way of one pool, in all workers.
struct alignas(64) PoolLoad {
  std::atomic<std::uint32_t> in_flight{0};
};

// One request under way, from the choice to the end of the answer. Both outlive it.
class Flight {
 public:
  Flight() noexcept = default;  // none

  Flight(Vitals& vitals, PoolLoad& pool) noexcept : vitals_(&vitals), pool_(&pool) {
    vitals_->in_flight_.fetch_add(1, std::memory_order_relaxed);
    pool_->in_flight.fetch_add(1, std::memory_order_relaxed);
  }

  Flight(Flight&& other) noexcept
      : vitals_(std::exchange(other.vitals_, nullptr)), pool_(other.pool_) {}

  Flight& operator=(Flight&& other) noexcept {
    std::swap(vitals_, other.vitals_);
    std::swap(pool_, other.pool_);
    return *this;
  }

  ~Flight() {
    if (!vitals_) return;
    vitals_->in_flight_.fetch_sub(1, std::memory_order_relaxed);
    pool_->in_flight.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  Vitals* vitals_ = nullptr;
  PoolLoad* pool_ = nullptr;
};

}  // namespace cirque::upstream
