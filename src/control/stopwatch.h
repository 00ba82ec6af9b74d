#pragma once
// Tells the access log how long a request stood in line before its pool, however that ended, and
// the metrics that this was no work of ours.
#include <fmt/format.h>

#include "cirque/exchange.h"

namespace cirque::control {

// Lives beside the wait that it times; `total` is what all waits of the request come to.
template <class Wait>
class Stopwatch {
 public:
  Stopwatch(Exchange& exchange, Duration& total, const Wait& wait) noexcept
      : exchange_(exchange), total_(total), wait_(wait) {}

  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  ~Stopwatch() {
    auto time = wait_.waited();
    if (!time) return;
    total_ += *time;
    exchange_.leave_out(*time);
    auto ms = std::chrono::duration<double, std::milli>(total_).count();
    exchange_.log_fields().set("queued_ms", fmt::format("{:.3f}", ms));
  }

 private:
  Exchange& exchange_;
  Duration& total_;
  const Wait& wait_;
};

}  // namespace cirque::control
