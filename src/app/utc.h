#pragma once
// Times of day as operators read them, in UTC.
#include <cstdint>
#include <string>

namespace cirque::app {

// As strftime() wants its `format`; the number itself for a year that no calendar has.
std::string utc(std::int64_t unix_time, const char* format);

// "2026-01-31T23:59:59Z"
std::string rfc3339(std::int64_t unix_time);

}  // namespace cirque::app
