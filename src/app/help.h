#pragma once
// The texts that `cirque help` and `cirque --help` print, and the man page cirque(8).
#include <expected>
#include <string>

#include "app/cli.h"

namespace cirque::app {

std::expected<std::string, Misuse> help(const Command& command);

}  // namespace cirque::app
