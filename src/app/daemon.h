#pragma once
// The proxy as a process: workers, signals, an end in good order.
#include <functional>

#include "config/load.h"
#include "config/model.h"

namespace cirque::app {

// Reads the configuration once more, with what the command line has to say about it.
using Reload = std::function<config::Loaded()>;

struct RunOptions {
  bool daemon = false;    // detach from the terminal once the listeners are open
  Reload reload = {};     // for SIGHUP; empty: there is nothing to read again
  std::string path = {};  // of the file, absolute
};

// Serves until told to stop; the exit status.
int serve(config::Loaded loaded, const RunOptions& options);

}  // namespace cirque::app
