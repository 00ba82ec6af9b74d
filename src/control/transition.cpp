#include "control/transition.h"

#include <fmt/format.h>

namespace cirque::control {

Transition half_opened() {
  return {.message = "circuit breaker state transition: open -> half_open",
          .from = "open",
          .to = "half_open",
          .why = "timeout_elapsed"};
}

Transition opened(bool was_probe, unsigned threshold) {
  if (was_probe) {
    return {.message = "circuit breaker state transition: half_open -> open",
            .from = "half_open",
            .to = "open",
            .failures = 1,
            .why = "half_open_failure"};
  }
  return {.message = "circuit breaker state transition: closed -> open",
          .from = "closed",
          .to = "open",
          .failures = threshold,
          .why = fmt::format("failure_threshold_reached: {}", threshold)};
}

Transition closed() {
  return {.message = "circuit breaker state transition: half_open -> closed",
          .from = "half_open",
          .to = "closed",
          .why = "recovery_successful"};
}

}  // namespace cirque::control
