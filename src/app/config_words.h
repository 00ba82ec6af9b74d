#pragma once
// What is said behind `cirque config`: history, show N, diff A B, rollback N.
#include <optional>
#include <string>
#include <vector>

#include "app/cli.h"

namespace cirque::app {

// Sets config_action and versions of `command`.
std::optional<Misuse> read_config_words(Command& command, const std::vector<std::string>& words);

}  // namespace cirque::app
