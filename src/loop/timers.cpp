#include "loop/timers.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace cirque::loop {
namespace {

constexpr std::uint64_t kNoTick = std::numeric_limits<std::uint64_t>::max();

}  // namespace

void Timer::arm(TimerWheel& wheel, Time due) noexcept {
  due_ = due;
  if (due == kNever) return;
  auto tick = wheel.tick_of(due);
  if (is_linked() && slot_tick_ <= tick) return;  // it will be looked at in time, and moved then
  unlink();
  wheel.insert(*this, tick);
}

std::uint64_t TimerWheel::tick_of(Time due) const noexcept {
  if (due <= start_) return current_ + 1;
  auto tick = static_cast<std::uint64_t>((due - start_ + kTick - 1ns) / kTick);  // never early
  return std::max(tick, current_ + 1);
}

void TimerWheel::insert(Timer& timer, std::uint64_t tick) noexcept {
  constexpr std::uint64_t kReach = (1ULL << (kBits * kLevels)) - 1;
  tick = std::min<std::uint64_t>(tick, current_ + kReach - (1ULL << (kBits * (kLevels - 1))));
  auto distance = tick - current_;
  unsigned level = 0;
  while (level + 1 < kLevels && distance >> (kBits * (level + 1))) ++level;
  auto slot = (tick >> (kBits * level)) & (kSlots - 1);
  timer.slot_tick_ = tick;
  levels_[level].slots[slot].push_back(timer);
  levels_[level].occupied |= 1ULL << slot;
}

std::uint64_t TimerWheel::next_tick() const noexcept {
  std::uint64_t first = kNoTick;
  for (unsigned level = 0; level < kLevels; ++level) {
    auto occupied = levels_[level].occupied;
    if (!occupied) continue;
    auto at = current_ >> (kBits * level);
    // Slots after the current one first; the current one is a whole turn away.
    auto rotated = std::rotr(occupied, static_cast<int>((at + 1) & (kSlots - 1)));
    auto distance = static_cast<std::uint64_t>(std::countr_zero(rotated)) + 1;
    first = std::min<std::uint64_t>(first, (at + distance) << (kBits * level));
  }
  return first;
}

Time TimerWheel::next() const noexcept {
  auto tick = next_tick();
  return tick == kNoTick ? kNever : start_ + static_cast<std::int64_t>(tick) * kTick;
}

void TimerWheel::advance(Time now) noexcept {
  if (now < start_) return;
  auto now_tick = static_cast<std::uint64_t>((now - start_) / kTick);
  while (current_ < now_tick) {
    auto tick = next_tick();
    if (tick > now_tick) {
      current_ = now_tick;
      return;
    }
    current_ = tick;
    for (unsigned level = kLevels - 1; level > 0; --level) {
      bool at_its_start = (current_ & ((1ULL << (kBits * level)) - 1)) == 0;
      if (at_its_start) cascade(level);
    }
    fire(now);
  }
}

void TimerWheel::cascade(unsigned level) noexcept {
  auto slot = (current_ >> (kBits * level)) & (kSlots - 1);
  base::List<Timer> moving;
  moving.splice(levels_[level].slots[slot]);
  levels_[level].occupied &= ~(1ULL << slot);
  while (auto* timer = moving.pop_front()) {
    if (!timer->is_armed()) continue;
    auto tick = tick_of(timer->due_);
    // tick_of() never gives the current tick, which fire() is about to visit.
    bool due_this_tick = timer->due_ <= start_ + static_cast<std::int64_t>(current_) * kTick;
    insert(*timer, due_this_tick ? current_ : tick);
  }
}

void TimerWheel::fire(Time now) noexcept {
  auto slot = current_ & (kSlots - 1);
  base::List<Timer> due;
  due.splice(levels_[0].slots[slot]);
  levels_[0].occupied &= ~(1ULL << slot);
  while (auto* timer = due.pop_front()) {
    if (!timer->is_armed()) continue;
    if (timer->due_ > now) {
      insert(*timer, tick_of(timer->due_));
      continue;
    }
    timer->due_ = kNever;
    timer->run_(*timer);
  }
}

}  // namespace cirque::loop
