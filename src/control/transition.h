#pragma once
// A circuit, of a pool or of one of its backends, changes its state: as the log and
// the client are told.
#include <string>
#include <string_view>

#include "cirque/exchange.h"
#include "upstream/breaker.h"

namespace cirque::control {

// As the client has it: X-Circuit-State.
void stamp_circuit(Exchange& exchange, upstream::CircuitState state);

// It is open, and for so long: Retry-After.
void stamp_open_circuit(Exchange& exchange, Duration wait);

// States as in the header X-Circuit-State.
struct Transition {
  std::string_view message;  // a literal
  std::string_view from;
  std::string_view to;
  unsigned failures = 0;  // in a row, that led to it
  std::string why;
};

// Its time is over, and one request shows what is to come.
Transition half_opened();

// `was_probe`: that one has failed; else so many have.
Transition opened(bool was_probe, unsigned threshold);

// That one has been answered.
Transition closed();

}  // namespace cirque::control
