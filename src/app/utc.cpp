#include "app/utc.h"

#include <ctime>

namespace cirque::app {

std::string utc(std::int64_t unix_time, const char* format) {
  auto time = static_cast<std::time_t>(unix_time);
  std::tm parts{};
  char text[64];
  if (!gmtime_r(&time, &parts)) return std::to_string(unix_time);
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

std::string rfc3339(std::int64_t unix_time) {
  return utc(unix_time, "%Y-%m-%dT%H:%M:%SZ");
}

}  // namespace cirque::app
