#pragma once
// cirque reload, plan, apply, confirm, config rollback, drain, undrain: orders to the running
// process, and its verdict. All of them return the exit status: 0 when it was done.
#include "app/cli.h"

namespace cirque::app {

int reload(const Command& command);
int plan(const Command& command);
int apply(const Command& command);
int confirm(const Command& command);
int rollback(const Command& command);
int drain(const Command& command);
int undrain(const Command& command);

}  // namespace cirque::app
