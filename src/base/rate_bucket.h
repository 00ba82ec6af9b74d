#pragma once
// Sixteen keys of the rate limiter and what each has used: found, charged, brought in and driven
// out by any number of threads without a lock, and never two places for one key.
//
// The plain alternative is a lock a bucket; but then a worker that the system takes off its core at
// the wrong moment stops all others that bring a key to the same bucket.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/rate.h"

namespace cirque::base {
// The word of a place, from the top: the time (58 bits, nanoseconds since the start) at which its
// key has all its credit back (the "theoretical arrival time" of GCRA), how often the place has
// changed hands (4 bits), and its phase (2 bits).
//
// A charge replaces the word, and so fails if the place has changed hands since its key was
// compared: that would have to happen 16 times, and end on the same nanosecond, to go unnoticed.
struct RateWord {
  enum class Phase : std::uint8_t {
    Free,
    Claimed,  // somebody is writing its key
    Offered,  // has a key, but perhaps another place offers the same one: see settle()
    Live,     // the only one of its key
  };

  static constexpr unsigned kTimeShift = 6;
  static constexpr std::uint64_t kPhaseMask = 3;
  static constexpr std::uint64_t kHandsOne = 4;
  static constexpr std::uint64_t kLowMask = (1 << kTimeShift) - 1;

  static constexpr Phase phase_of(std::uint64_t word) noexcept {
    return static_cast<Phase>(word & kPhaseMask);
  }

  static constexpr std::uint64_t time_of(std::uint64_t word) noexcept { return word >> kTimeShift; }

  static constexpr std::uint64_t with_time(std::uint64_t word, std::uint64_t time) noexcept {
    return time << kTimeShift | (word & kLowMask);
  }

  // In the same hands, and without a time.
  static constexpr std::uint64_t with_phase(std::uint64_t word, Phase phase) noexcept {
    return (word & kLowMask & ~kPhaseMask) | static_cast<std::uint64_t>(phase);
  }

  static constexpr std::uint64_t ns(Duration time) noexcept {
    return static_cast<std::uint64_t>(time.count());
  }

  static constexpr Duration duration(std::uint64_t ns) noexcept {
    return Duration(static_cast<std::int64_t>(ns));
  }
};

// One request, `now` in nanoseconds since the limiter's start.
struct RateAsked {
  std::uint64_t key;
  const Rate& rate;
  std::uint64_t now;
};

// What came of a charge: whether there was enough, and what the key owes now.
struct RateCharged {
  bool allowed;
  std::uint64_t debt;
};

// The places in which a key may be. Keys lie side by side, so that most of a search is in two cache
// lines.
//
// Atomic is std::atomic<std::uint64_t>, or in tests one that hesitates.
template <class Atomic>
struct alignas(64) RateBucket : private RateWord {
  static constexpr std::size_t kPlaces = 16;

  std::array<Atomic, kPlaces> keys{};
  std::array<Atomic, kPlaces> words{};

  // None: the key is not here.
  std::optional<RateCharged> find_and_charge(const RateAsked& asked) noexcept;

  // What the key owes before this request: nothing, when it is not here.
  std::uint64_t find_debt(const RateAsked& asked) const noexcept;

  // Is there enough left for one more?
  static bool has_credit(const RateAsked& asked, std::uint64_t debt) noexcept {
    return debt + ns(asked.rate.interval) <= ns(asked.rate.depth);
  }

  // Undoes a charge, where the key is still here.
  void find_and_refund(const RateAsked& asked) noexcept;

  // Nobody owes more than until then.
  void cap(std::uint64_t time) noexcept;

  static RateVerdict verdict_on(const RateAsked& asked, bool allowed, std::uint64_t debt) noexcept;

  static bool is_in_debt(std::uint64_t word, std::uint64_t now) noexcept {
    return phase_of(word) == Phase::Live && time_of(word) > now;
  }

  enum class Offered : std::uint8_t { InFreePlace, InPlaceOfOther, Not };
  Offered offer(const RateAsked& asked) noexcept;

 private:
  struct Seen {
    std::size_t place = kPlaces;  // kPlaces: none
    std::uint64_t word = 0;

    bool is_any() const noexcept { return place < kPlaces; }
  };

  std::optional<RateCharged> charge(std::size_t place, const RateAsked& asked) noexcept;
  Seen next_to_go(std::uint64_t key) const noexcept;
  bool settle(std::uint64_t key) noexcept;
  void contest(std::uint64_t key, const Seen& mine) noexcept;
  Seen lowest(std::uint64_t key, Phase phase) const noexcept;
  bool turn(const Seen& seen, Phase phase) noexcept;
};

template <class Atomic>
std::optional<RateCharged> RateBucket<Atomic>::find_and_charge(const RateAsked& asked) noexcept {
  for (std::size_t place = 0; place < kPlaces; ++place) {
    if (keys[place].load(std::memory_order_relaxed) != asked.key) continue;
    if (auto charged = charge(place, asked)) return charged;
  }
  return std::nullopt;
}

template <class Atomic>
std::uint64_t RateBucket<Atomic>::find_debt(const RateAsked& asked) const noexcept {
  for (std::size_t place = 0; place < kPlaces; ++place) {
    if (keys[place].load(std::memory_order_relaxed) != asked.key) continue;
    auto word = words[place].load(std::memory_order_acquire);
    bool is_live =
        phase_of(word) == Phase::Live && keys[place].load(std::memory_order_acquire) == asked.key;
    if (is_live) return std::max(time_of(word), asked.now) - asked.now;
  }
  return 0;
}

// A charge has moved the time by one interval, from wherever it was: so does its undoing.
template <class Atomic>
void RateBucket<Atomic>::find_and_refund(const RateAsked& asked) noexcept {
  for (std::size_t place = 0; place < kPlaces; ++place) {
    if (keys[place].load(std::memory_order_relaxed) != asked.key) continue;
    auto word = words[place].load(std::memory_order_acquire);
    while (phase_of(word) == Phase::Live &&
           keys[place].load(std::memory_order_acquire) == asked.key) {
      auto time = time_of(word) - std::min(time_of(word), ns(asked.rate.interval));
      if (words[place].compare_exchange_weak(word, with_time(word, time), std::memory_order_acq_rel,
                                             std::memory_order_acquire)) {
        return;
      }
    }
  }
}

template <class Atomic>
void RateBucket<Atomic>::cap(std::uint64_t time) noexcept {
  for (auto& slot : words) {
    auto word = slot.load(std::memory_order_acquire);
    while (phase_of(word) == Phase::Live && time_of(word) > time) {
      bool is_done = slot.compare_exchange_weak(
          word, with_time(word, time), std::memory_order_acq_rel, std::memory_order_acquire);
      if (is_done) break;
    }
  }
}

template <class Atomic>
RateVerdict RateBucket<Atomic>::verdict_on(const RateAsked& asked, bool allowed,
                                           std::uint64_t debt) noexcept {
  auto interval = ns(asked.rate.interval);
  auto depth = ns(asked.rate.depth);
  return {
      .allowed = allowed,
      .remaining = debt < depth ? (depth - debt) / interval : 0,
      .retry_after = duration(std::max(debt + interval, depth) - depth),
      .reset = duration(debt),
  };
}

// None: the place is not, or no longer, the live one of this key.
template <class Atomic>
std::optional<RateCharged> RateBucket<Atomic>::charge(std::size_t place,
                                                      const RateAsked& asked) noexcept {
  auto word = words[place].load(std::memory_order_acquire);
  // The key after the word: as long as the word is the same, so is the key.
  while (phase_of(word) == Phase::Live &&
         keys[place].load(std::memory_order_acquire) == asked.key) {
    auto debt = std::max(time_of(word), asked.now) - asked.now;
    if (!has_credit(asked, debt)) return RateCharged{false, debt};
    debt += ns(asked.rate.interval);
    if (words[place].compare_exchange_weak(word, with_time(word, asked.now + debt),
                                           std::memory_order_acq_rel, std::memory_order_acquire)) {
      return RateCharged{true, debt};
    }
  }
  return std::nullopt;
}

// Sees to it that the key has a live place. Whether it still has one afterwards, the charge will
// see.
template <class Atomic>
RateBucket<Atomic>::Offered RateBucket<Atomic>::offer(const RateAsked& asked) noexcept {
  if (settle(asked.key)) return Offered::Not;
  Seen mine = next_to_go(asked.key);
  if (!mine.is_any() || !turn(mine, Phase::Claimed)) return Offered::Not;
  auto word = with_phase(mine.word + kHandsOne, Phase::Offered);
  keys[mine.place].store(asked.key, std::memory_order_seq_cst);
  words[mine.place].store(word, std::memory_order_seq_cst);
  settle(asked.key);
  return time_of(mine.word) > asked.now ? Offered::InPlaceOfOther : Offered::InFreePlace;
}

// A free place, else that of the key which has its credit back, or will have it, the soonest. None:
// the key has come meanwhile, or all places are being written.
template <class Atomic>
RateBucket<Atomic>::Seen RateBucket<Atomic>::next_to_go(std::uint64_t key) const noexcept {
  Seen best;
  for (std::size_t place = 0; place < kPlaces; ++place) {
    auto word = words[place].load(std::memory_order_acquire);
    if (phase_of(word) == Phase::Free) return {place, word};
    if (phase_of(word) != Phase::Live) continue;
    if (keys[place].load(std::memory_order_acquire) == key) return {};
    if (!best.is_any() || time_of(word) < time_of(best.word)) best = {place, word};
  }
  return best;
}

// Of all places that offer this key, one becomes live, unless one is; the others become free. Any
// thread may do it for any other, so nobody waits. False: there was none.
//
// Why never two: say that two places of a key become live, and J was offered after I. Who made J
// live had looked at all places after J was offered, and so has seen I. If I was live, it has freed
// J; if I was offered in a lower place, it has let J be; and if in a higher one, it has freed I
// before (and where that failed, begun again). What is seen has one order for all threads: seq_cst.
template <class Atomic>
bool RateBucket<Atomic>::settle(std::uint64_t key) noexcept {
  while (true) {
    Seen offered = lowest(key, Phase::Offered);
    if (!offered.is_any()) return lowest(key, Phase::Live).is_any();
    contest(key, offered);
  }
}

// One round for an offered place, which has no lower rival that we know of.
template <class Atomic>
void RateBucket<Atomic>::contest(std::uint64_t key, const Seen& mine) noexcept {
  if (lowest(key, Phase::Live).is_any()) {
    turn(mine, Phase::Free);
    return;
  }
  for (std::size_t place = 0; place < kPlaces; ++place) {
    Seen rival{place, words[place].load(std::memory_order_seq_cst)};
    if (place == mine.place || keys[place].load(std::memory_order_seq_cst) != key) continue;
    if (phase_of(rival.word) == Phase::Live) return;
    if (phase_of(rival.word) != Phase::Offered) continue;
    if (place < mine.place || !turn(rival, Phase::Free)) return;
  }
  turn(mine, Phase::Live);
}

template <class Atomic>
RateBucket<Atomic>::Seen RateBucket<Atomic>::lowest(std::uint64_t key, Phase phase) const noexcept {
  for (std::size_t place = 0; place < kPlaces; ++place) {
    auto word = words[place].load(std::memory_order_seq_cst);
    bool is_it = phase_of(word) == phase && keys[place].load(std::memory_order_seq_cst) == key;
    if (is_it) return {place, word};
  }
  return {};
}

// False: the place is no longer as it was seen.
template <class Atomic>
bool RateBucket<Atomic>::turn(const Seen& seen, Phase phase) noexcept {
  auto word = seen.word;
  auto hands = phase == Phase::Claimed ? word + kHandsOne : word;
  return words[seen.place].compare_exchange_strong(word, with_phase(hands, phase),
                                                   std::memory_order_seq_cst);
}

}  // namespace cirque::base
