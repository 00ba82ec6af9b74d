#include "upstream/vitals.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cirque::upstream {
namespace {

// Latency and the time of which it was true, in one word: a float of microseconds below, the
// millisecond above. That wraps after 49 days, and a backend without traffic for just so long
// seems to have been measured now: it will be measured soon.
struct Measured {
  float us;
  std::uint32_t at_ms;

  static Measured of(std::uint64_t word) noexcept {
    return {std::bit_cast<float>(static_cast<std::uint32_t>(word)),
            static_cast<std::uint32_t>(word >> 32)};
  }

  std::uint64_t word() const noexcept {
    return static_cast<std::uint64_t>(at_ms) << 32 | std::bit_cast<std::uint32_t>(us);
  }
};

std::uint32_t ms_of(Time now) noexcept {
  return static_cast<std::uint32_t>(
      std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count());
}

// What is left of it at `now_ms`. Clocks of workers may differ a little: then nothing has gone.
float faded(Measured m, std::uint32_t now_ms) noexcept {
  constexpr float kMemoryMs =
      std::chrono::duration<float, std::milli>(Vitals::kLatencyMemory).count();
  auto age = static_cast<std::int32_t>(now_ms - m.at_ms);
  return age > 0 ? m.us * std::exp(static_cast<float>(-age) / kMemoryMs) : m.us;
}

}  // namespace

bool Vitals::set(Ailment ailment) noexcept {
  auto bit = static_cast<std::uint8_t>(ailment);
  auto before = ailments_.fetch_or(bit, std::memory_order_acq_rel);
  if (!(before & bit)) bulletin_.publish();
  return before == 0;
}

bool Vitals::clear(Ailment ailment, Time now) noexcept {
  auto bit = static_cast<std::uint8_t>(ailment);
  auto seen = ailments_.load(std::memory_order_relaxed);
  // Before it is usable, so that nobody takes it for one that has long been.
  if (seen == bit) usable_since_.store(now, std::memory_order_relaxed);
  auto before = ailments_.fetch_and(static_cast<std::uint8_t>(~bit), std::memory_order_acq_rel);
  if (before == bit && seen != bit) usable_since_.store(now, std::memory_order_relaxed);
  if (before & bit) bulletin_.publish();
  return before == bit;
}

void Vitals::observe(Duration latency, Time now) noexcept {
  auto us = std::max(1.0F, std::chrono::duration<float, std::micro>(latency).count());
  auto now_ms = ms_of(now);
  auto word = latency_.load(std::memory_order_relaxed);
  std::uint64_t wanted = 0;
  do {
    auto known = Measured::of(word);
    auto left = word == 0 ? 0 : faded(known, now_ms);
    // The weight of what was known is what has not faded of it.
    auto average = word == 0 ? us : left + us * (1 - left / known.us);
    bool is_later = word == 0 || static_cast<std::int32_t>(now_ms - known.at_ms) > 0;
    wanted = Measured{std::max(us, average), is_later ? now_ms : known.at_ms}.word();
  } while (!latency_.compare_exchange_weak(word, wanted, std::memory_order_relaxed));
}

float Vitals::latency_us(Time now) const noexcept {
  auto word = latency_.load(std::memory_order_relaxed);
  return word == 0 ? 0 : faded(Measured::of(word), ms_of(now));
}

}  // namespace cirque::upstream
