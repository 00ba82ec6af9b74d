#pragma once
// The process's own log, as the configuration has it.
#include "config/model.h"

namespace cirque::app {

// False: it cannot be opened, which the log up to now is told.
bool configure_log(const config::Logging& logging);

}  // namespace cirque::app
