#pragma once
// The proxy as a process: workers, signals, an end in good order.
#include "config/model.h"

namespace cirque::app {

struct RunOptions {
  bool daemon = false;  // detach from the terminal once the listeners are open
};

// Serves until told to stop; the exit status.
int serve(const config::Model& model, const RunOptions& options);

}  // namespace cirque::app
