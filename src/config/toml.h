#pragma once
// TOML, read by toml++: tables, arrays of tables and dotted keys become the same maps and lists
// that YAML makes.
#include <string_view>

#include "config/reader.h"

namespace cirque::config {

// The text is clean (prefilter.h). A Null node when there are errors; toml++ stops at the first.
Node read_toml(std::string_view text, unsigned file, Intake& intake);

}  // namespace cirque::config
