#pragma once
// What a configuration would change where no process runs that could tell: beside the version that
// was in use last.
#include "app/ask.h"
#include "app/cli.h"
#include "config/load.h"

namespace cirque::app {

// The exit status: 0 when there is such a version. `nobody`: who has not answered.
int plan_alone(const Command& command, const config::Loaded& loaded, const Silence& nobody);

}  // namespace cirque::app
