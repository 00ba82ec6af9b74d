#pragma once
// cirque config: the history of configurations, read from the state folder and printed; and back
// to one of them.
#include <expected>
#include <string>

#include "app/cli.h"

namespace cirque::app {

// What is to be printed, or why not.
std::expected<std::string, std::string> answer_config(const Command& command);

// The exit status: 0 when there was an answer.
int config_command(const Command& command);

}  // namespace cirque::app
