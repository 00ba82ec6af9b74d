#pragma once
// `cirque why`: what a reason means, who is to blame, and what can be done; for the terminal, for
// programs, and as docs/reasons.md.
#include <expected>
#include <string>
#include <string_view>

#include "app/cli.h"
#include "observe/reasons.h"

namespace cirque::app {

// The reason that is meant by a slug, or by a Proxy-Status field or a line of the access log that
// has been pasted; null if there is none in it.
const observe::Reason* reason_in(std::string_view text);

// Everything about one of them, for the terminal.
std::string reason_text(const observe::Reason& reason);

// What `command` asks for: one reason, or all. The error is for exit status 1.
std::expected<std::string, Misuse> why(const Command& command);

}  // namespace cirque::app
