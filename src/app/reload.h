#pragma once
// cirque reload: asks the running process, and waits for its verdict.
#include <string>

namespace cirque::app {

// The exit status: 0 when the new configuration is in use.
int reload(const std::string& config_path);

}  // namespace cirque::app
