#pragma once
// Durations as programs in Go read them (time.ParseDuration), for files that were written for one.
#include <string_view>

#include "config/values.h"

namespace cirque::config {

// "100us", "1h15m30.918s", ".5s", "0": any units from ns to h, in any order, with fractions; and
// days, as everywhere here. Up to the next millisecond: nothing is timed finer. Negative ones are
// refused.
Value<Duration> parse_go_duration(std::string_view text);

}  // namespace cirque::config
