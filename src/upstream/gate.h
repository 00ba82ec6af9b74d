#pragma once
// What stands before one backend of a pool: how many requests it takes at a time, and its circuit
// breaker. Off unless the pool asks for it.
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/concurrency.h"
#include "upstream/breaker.h"

namespace cirque::upstream {

struct GatePolicy {
  std::uint32_t concurrency = 0;        // of each backend; 0: any number
  std::uint32_t failure_threshold = 0;  // 0: there is no breaker
  Duration breaker_timeout = 30s;
  Duration probe_lease = 30s;

  bool operator==(const GatePolicy&) const = default;

  bool has_breaker() const noexcept { return failure_threshold > 0; }

  bool is_any() const noexcept { return concurrency > 0 || has_breaker(); }
};

// Any thread, but for set_policy(). Kept as long as the pool lists the backend.
class Gate {
 public:
  // Steward only. Holds at once; what is under way counts on.
  void set_policy(const GatePolicy& policy) noexcept;

  enum class Door : std::uint8_t { Open, Full, Cut };  // Cut: its breaker lets nobody through

  // As it is at this moment, for somebody who only looks.
  Door door(Time now) const noexcept;

  CircuitState circuit(Time now) const noexcept;

  // Requests under way, where there is a limit.
  std::uint32_t in_use() const noexcept { return limit_.in_use(); }

  // Of requests at a time; 0: any number.
  std::uint32_t limit() const noexcept {
    return has_limit_.load(std::memory_order_relaxed) ? limit_.limit() : 0;
  }

  // How often its breaker has opened.
  std::uint64_t openings() const noexcept { return breaker_.openings(); }

  // Until its breaker may let one through: zero when it would now.
  Duration wait(Time now) const noexcept;

  // Leave for one request: destroyed, it is handed back. The gate outlives it.
  class Leave {
   public:
    // Does the breaker's fate hang on this one?
    bool is_probe() const noexcept { return circuit_ && circuit_->is_probe(); }

    // What came of it, once, and what that did.
    enum class Outcome : bool { Bad, Good };
    Breaker::Change report(Outcome outcome, Time now) noexcept;

   private:
    friend class Gate;

    std::optional<base::ConcurrencyLimit::Permit> place_;
    std::optional<Breaker::Permit> circuit_;
  };

  // None: it is full or cut.
  std::optional<Leave> admit(Time now) noexcept;

 private:
  std::atomic<bool> has_limit_{false};
  std::atomic<bool> has_breaker_{false};
  base::ConcurrencyLimit limit_{{}};
  Breaker breaker_;
};

}  // namespace cirque::upstream
