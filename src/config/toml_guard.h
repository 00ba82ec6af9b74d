#pragma once
// What toml++ 3.3 must not see: letters beyond ASCII where a key or a value is expected (it runs
// into undefined behaviour), a header without a name (likewise), dotted keys of any depth (it
// destroys its tree by recursion) and more values than a configuration may have (it keeps them all
// before anybody can count).
#include <string_view>

#include "config/reader.h"

namespace cirque::config {

// False: the reason is in the report.
bool is_safe_toml(std::string_view text, unsigned file, Report& report);

}  // namespace cirque::config
