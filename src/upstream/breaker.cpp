#include "upstream/breaker.h"

#include <algorithm>

#include "base/check.h"

namespace cirque::upstream {
namespace {

// The word, from the top: the phase (2 bits), the era (20 bits), and what the phase counts (42
// bits): failures in a row while closed, else the millisecond in which it began (139 years of
// uptime).
//
// The era changes with the phase, and tells a late report that it is late. It comes round after a
// million changes; a pair of them takes at least `timeout`, so a year with the default, and no
// request is that late.
enum class Phase : std::uint8_t {
  Closed,
  Open,
  Probing,  // half-open, the probe is out
  Vacant,   // half-open, the probe was handed back
};

constexpr unsigned kEraBits = 20;
constexpr unsigned kNumberBits = 42;
constexpr std::uint64_t kEraMask = (1ULL << kEraBits) - 1;
constexpr std::uint64_t kNumberMax = (1ULL << kNumberBits) - 1;

constexpr Phase phase_of(std::uint64_t word) noexcept {
  return static_cast<Phase>(word >> (kEraBits + kNumberBits));
}

constexpr std::uint64_t era_of(std::uint64_t word) noexcept {
  return word >> kNumberBits & kEraMask;
}

constexpr std::uint64_t number_of(std::uint64_t word) noexcept {
  return word & kNumberMax;
}

constexpr std::uint64_t word_of(Phase phase, std::uint64_t era, std::uint64_t number) noexcept {
  return static_cast<std::uint64_t>(phase) << (kEraBits + kNumberBits) |
         (era & kEraMask) << kNumberBits | std::min(number, kNumberMax);
}

// The phase after this one.
constexpr std::uint64_t next(std::uint64_t word, Phase phase, std::uint64_t number) noexcept {
  return word_of(phase, era_of(word) + 1, number);
}

constexpr bool is_current(std::uint64_t word, std::uint64_t seen) noexcept {
  return era_of(word) == era_of(seen);
}

using Ms = std::chrono::milliseconds;

// When something begins, rounded up, and what time it is, rounded down: no wait is too short.
std::uint64_t begin_ms(Time now) noexcept {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::ceil<Ms>(now.time_since_epoch()).count()));
}

std::int64_t now_ms(Time now) noexcept {
  return std::chrono::floor<Ms>(now.time_since_epoch()).count();
}

}  // namespace

std::string_view name_of(CircuitState state) noexcept {
  switch (state) {
    case CircuitState::Closed:
      return "closed";
    case CircuitState::Open:
      return "open";
    case CircuitState::HalfOpen:
      return "half_open";
  }
  return "";
}

bool Breaker::Permit::is_probe() const noexcept {
  return phase_of(seen_) == Phase::Probing;
}

void Breaker::set_policy(const BreakerPolicy& policy) noexcept {
  CIRQUE_CHECK(policy.failure_threshold > 0);
  threshold_.store(policy.failure_threshold, std::memory_order_relaxed);
  timeout_ms_.store(std::chrono::ceil<Ms>(policy.timeout).count(), std::memory_order_relaxed);
  lease_ms_.store(std::chrono::ceil<Ms>(policy.probe_lease).count(), std::memory_order_relaxed);
}

std::optional<Breaker::Permit> Breaker::admit(Time now) noexcept {
  auto word = word_.load(std::memory_order_acquire);
  while (phase_of(word) != Phase::Closed) {
    if (ms_left(word, now) > 0) return std::nullopt;
    auto probing = next(word, Phase::Probing, begin_ms(now));
    if (replace(word, probing)) return Permit(*this, probing);
  }
  return Permit(*this, word);
}

CircuitState Breaker::state(Time now) const noexcept {
  auto word = word_.load(std::memory_order_acquire);
  if (phase_of(word) == Phase::Closed) return CircuitState::Closed;
  bool is_open = phase_of(word) == Phase::Open && ms_left(word, now) > 0;
  return is_open ? CircuitState::Open : CircuitState::HalfOpen;
}

Duration Breaker::wait(Time now) const noexcept {
  return Ms(ms_left(word_.load(std::memory_order_acquire), now));
}

Breaker::Change Breaker::succeed(std::uint64_t seen, Time) noexcept {
  auto word = word_.load(std::memory_order_acquire);
  while (is_current(word, seen)) {
    if (phase_of(word) == Phase::Probing) {
      if (replace(word, next(word, Phase::Closed, 0))) return Change::Closed;
    } else {
      if (number_of(word) == 0) break;  // the usual case, and it writes nothing
      if (replace(word, word_of(Phase::Closed, era_of(word), 0))) break;
    }
  }
  return Change::None;
}

Breaker::Change Breaker::fail(std::uint64_t seen, Time now) noexcept {
  auto word = word_.load(std::memory_order_acquire);
  while (is_current(word, seen)) {
    auto failures = number_of(word) + 1;  // means nothing to a probe, whose failure always opens
    bool opens =
        phase_of(word) == Phase::Probing || failures >= threshold_.load(std::memory_order_relaxed);
    if (opens) {
      if (!replace(word, next(word, Phase::Open, begin_ms(now)))) continue;
      openings_.fetch_add(1, std::memory_order_relaxed);
      return Change::Opened;
    } else {
      if (replace(word, word_of(Phase::Closed, era_of(word), failures))) break;
    }
  }
  return Change::None;
}

void Breaker::take_back(std::uint64_t seen) noexcept {
  auto word = word_.load(std::memory_order_acquire);
  while (is_current(word, seen) && phase_of(word) == Phase::Probing) {
    if (replace(word, next(word, Phase::Vacant, 0))) return;
  }
}

bool Breaker::replace(std::uint64_t& word, std::uint64_t wanted) noexcept {
  return word_.compare_exchange_weak(word, wanted, std::memory_order_acq_rel,
                                     std::memory_order_acquire);
}

// Until a probe may go: the rest of the time open, or of another probe's lease.
std::int64_t Breaker::ms_left(std::uint64_t word, Time now) const noexcept {
  std::int64_t length = 0;
  if (phase_of(word) == Phase::Open) length = timeout_ms_.load(std::memory_order_relaxed);
  if (phase_of(word) == Phase::Probing) length = lease_ms_.load(std::memory_order_relaxed);
  auto elapsed = now_ms(now) - static_cast<std::int64_t>(number_of(word));
  return std::max<std::int64_t>(0, length - std::max<std::int64_t>(0, elapsed));
}

}  // namespace cirque::upstream
