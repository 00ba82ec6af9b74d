#pragma once
// Asks the running process wherever it answers. Its file may name another address by now than the
// one that it was started with: then the newest version that it has kept tells.
#include <expected>

#include "app/ask.h"
#include "app/cli.h"

namespace cirque::app {

// `model`: of the process's configuration, as its file says it now.
std::expected<Reply, Silence> ask_running(const Command& command, const config::Model& model,
                                          const Question& question);

}  // namespace cirque::app
