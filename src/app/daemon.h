#pragma once
// The proxy as a process: workers, signals, an end in good order.
#include "app/succession.h"
#include "config/load.h"

namespace cirque::app {

struct RunOptions {
  bool daemon = false;    // detach from the terminal once the listeners are open
  Load load = {};         // for reloads
  std::string path = {};  // of the configuration, absolute; empty: there is nothing to read again
  StateDir state_dir = {};
  bool is_last_known_good = false;  // what is loaded is that, and not what `path` has
};

// Serves until told to stop; the exit status.
int serve(config::Loaded loaded, const RunOptions& options);

}  // namespace cirque::app
