#include "control/transition.h"

#include <fmt/format.h>

#include <algorithm>

namespace cirque::control {

// Once a request, and of texts that outlive it: no copy.
void stamp_circuit(Exchange& exchange, upstream::CircuitState state) {
  auto& stamps = exchange.stamps();
  stamps.drop(Name::XCircuitState);
  stamps.add_view({text_of(Name::XCircuitState), name_of(state), Name::XCircuitState});
}

void stamp_open_circuit(Exchange& exchange, Duration wait) {
  stamp_circuit(exchange, upstream::CircuitState::Open);
  auto seconds = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count());
  exchange.stamps().set(Name::RetryAfter, fmt::format("{}", seconds));
}

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
