#pragma once
// The table of options as a JSON Schema (draft 2020-12), for editors and other programs: the shape
// of a file. What belongs together is known to `cirque validate` alone.
#include <string>

namespace cirque::config {

std::string json_schema();

}  // namespace cirque::config
