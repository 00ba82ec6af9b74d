#pragma once
// Deadlines by the thousand: a hierarchical wheel with 1 ms ticks. Arming, re-arming and cancelling
// are O(1); moving a deadline later, which every request does, is one store.
#include <array>
#include <cstdint>

#include "base/list.h"
#include "cirque/clock.h"

namespace cirque::loop {

class TimerWheel;

// Calls `run` once, at or up to one tick after its time. Lives where its owner lives; a timer that
// dies is disarmed. One core.
class Timer : private base::ListHook {
 public:
  using Run = void (*)(Timer&) noexcept;

  explicit Timer(Run run) noexcept : run_(run) {}

  // Replaces an earlier deadline. kNever disarms.
  void arm(TimerWheel& wheel, Time due) noexcept;

  // The hook stays in its slot until that comes round: cheaper than unlinking at every request.
  void disarm() noexcept { due_ = kNever; }

  bool is_armed() const noexcept { return due_ != kNever; }

  Time due() const noexcept { return due_; }

 private:
  friend class TimerWheel;
  template <class T>
  friend class base::List;

  Run run_;
  Time due_ = kNever;
  std::uint64_t slot_tick_ = 0;  // where the hook hangs, which may be earlier than due_
};

class TimerWheel {
 public:
  static constexpr Duration kTick = 1ms;

  explicit TimerWheel(Time start) noexcept : start_(start) {}

  // Runs what is due. Callbacks may arm, disarm and destroy any timer.
  void advance(Time now) noexcept;
  // When advance() next has something to do, which may be only moving hooks about; kNever when
  // empty.
  Time next() const noexcept;

 private:
  friend class Timer;
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1U << kBits;
  static constexpr unsigned kLevels =
      6;  // 2^36 ms: two years; what is later waits in the last slot

  struct Level {
    std::array<base::List<Timer>, kSlots> slots;
    std::uint64_t occupied =
        0;  // may name a slot whose timers have died: visiting it clears the bit
  };

  std::uint64_t tick_of(Time due) const noexcept;
  std::uint64_t next_tick() const noexcept;
  void insert(Timer& timer, std::uint64_t tick) noexcept;
  void cascade(unsigned level) noexcept;
  void fire(Time now) noexcept;

  Time start_;
  std::uint64_t current_ = 0;
  std::array<Level, kLevels> levels_;
};

}  // namespace cirque::loop
