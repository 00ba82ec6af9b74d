#pragma once
// `cirque demo`: small origins to try the proxy with, and the proxy in front of them.
#include <string>

namespace cirque::app {

// Runs until Ctrl-C; the exit status.
int demo(const std::string& config_path);

}  // namespace cirque::app
