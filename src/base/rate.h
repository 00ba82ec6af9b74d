#pragma once
// A rate as GCRA has it, and what it says of one request.
#include <cstdint>

#include "cirque/clock.h"

namespace cirque::base {

// So many in a period, and so many at once. Each takes `interval` off a credit of `depth`, which
// fills up with time.
struct Rate {
  // All at least 1. The interval is rounded up to a nanosecond: never more than what was asked for.
  // A credit of more than a year counts as a year.
  static Rate of(std::uint64_t requests, Duration period, std::uint64_t burst) noexcept;

  Duration interval{};
  Duration depth{};  // interval * burst

  bool operator==(const Rate&) const = default;
};

// What 429, Retry-After and the RateLimit fields tell.
struct RateVerdict {
  bool allowed;
  std::uint64_t remaining;  // how many more would be allowed at once
  Duration retry_after;     // when the next one will be: zero if there are some remaining
  Duration reset;           // when all of the burst will be there again
};

}  // namespace cirque::base
