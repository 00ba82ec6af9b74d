#pragma once
// The door in front of the parsers: only clean UTF-8 text passes. libfyaml loops for ever on some
// control characters (found by fuzzing: 25 00 80 00), toml++ asserts on NUL, and none of them has a
// place in a configuration.
#include <string_view>

#include "config/report.h"

namespace cirque::config {

// False: what must not be there is in the report.
bool is_clean_text(std::string_view text, unsigned file, Report& report);

}  // namespace cirque::config
