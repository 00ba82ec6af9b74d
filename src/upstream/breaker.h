#pragma once
// A circuit breaker: after so many failures in a row nobody asks any more; after a while one probe
// may, and what comes of it decides for all.
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "cirque/clock.h"

namespace cirque::upstream {

enum class CircuitState : std::uint8_t { Closed, Open, HalfOpen };

// As the header X-Circuit-State, the logs and the metrics have it.
std::string_view name_of(CircuitState state) noexcept;

struct BreakerPolicy {
  std::uint32_t failure_threshold = 5;  // in a row; at least 1
  Duration timeout = 30s;               // how long it stays open before it lets a probe through
  // A probe that was not heard of for so long no longer counts, and another may go. Only for what
  // is stuck: a probe that is given up hands its permit back at once. As long as a whole request
  // may take.
  Duration probe_lease = 30s;
};

// Shared by all workers and by whoever tells its state: one atomic word, no lock, no allocation. A
// closed breaker that sees successes is only read.
//
// What counts belongs to the time in which it was let through: the result of a request from before
// the breaker opened says nothing about the backend of now, and is ignored.
//
// Its times are whole milliseconds, rounded so that it is never open for less than `timeout`.
// Clocks of workers may differ a little: a time before the last change counts as that of the
// change.
class Breaker {
 public:
  // What a report did, for whoever logs and counts it. The way to half-open is seen by is_probe().
  enum class Change : std::uint8_t { None, Opened, Closed };

  // Leave to send one request. Report what came of it once, when it is known (a 5xx or an error of
  // the transport is a failure; an error of the client's is neither). A permit that is destroyed
  // without a report was handed back: it counts for nothing, and a probe's leave goes to the next
  // one who asks. On one thread at a time; the breaker outlives it.
  class Permit {
   public:
    Permit(Permit&& other) noexcept
        : breaker_(std::exchange(other.breaker_, nullptr)), seen_(other.seen_) {}

    Permit& operator=(Permit&& other) noexcept {
      std::swap(breaker_, other.breaker_);
      std::swap(seen_, other.seen_);
      return *this;
    }

    ~Permit() {
      if (breaker_) breaker_->take_back(seen_);
    }

    // Does the breaker's fate hang on this one?
    bool is_probe() const noexcept;

    Change succeed(Time now) noexcept { return finish(&Breaker::succeed, now); }

    Change fail(Time now) noexcept { return finish(&Breaker::fail, now); }

   private:
    friend class Breaker;

    Permit(Breaker& breaker, std::uint64_t seen) noexcept : breaker_(&breaker), seen_(seen) {}

    Change finish(Change (Breaker::*report)(std::uint64_t, Time), Time now) noexcept {
      Breaker* breaker = std::exchange(breaker_, nullptr);
      return breaker ? (breaker->*report)(seen_, now) : Change::None;  // only the first one counts
    }

    Breaker* breaker_;    // null: reported, or moved away
    std::uint64_t seen_;  // the breaker's word when this was given
  };

  explicit Breaker(const BreakerPolicy& policy = {}) noexcept { set_policy(policy); }

  Breaker(const Breaker&) = delete;
  Breaker& operator=(const Breaker&) = delete;

  // None: it is open, or its one probe is out.
  std::optional<Permit> admit(Time now) noexcept;

  // An open breaker whose time has passed is half-open, though nobody has asked yet.
  CircuitState state(Time now) const noexcept;

  // How long until it may let one through, for Retry-After: zero when it would now.
  Duration wait(Time now) const noexcept;

  // How often it has opened.
  std::uint64_t openings() const noexcept { return openings_.load(std::memory_order_relaxed); }

  // Holds at once, also for a breaker that is open already. Failures counted so far stay.
  void set_policy(const BreakerPolicy& policy) noexcept;

 private:
  Change succeed(std::uint64_t seen, Time now) noexcept;
  Change fail(std::uint64_t seen, Time now) noexcept;
  void take_back(std::uint64_t seen) noexcept;
  bool replace(std::uint64_t& word, std::uint64_t wanted) noexcept;
  std::int64_t ms_left(std::uint64_t word, Time now) const noexcept;

  // See breaker.cpp. The only state: reading acquires and replacing releases, so that all that a
  // probe did comes before all that the next one does.
  std::atomic<std::uint64_t> word_{0};
  // Relaxed: each is good by itself.
  std::atomic<std::uint32_t> threshold_;
  std::atomic<std::int64_t> timeout_ms_;
  std::atomic<std::int64_t> lease_ms_;
  std::atomic<std::uint64_t> openings_{0};
};

}  // namespace cirque::upstream
