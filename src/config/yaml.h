#pragma once
// YAML and JSON, read by libfyaml: aliases and merge keys (`<<`) are resolved.
#include <string_view>

#include "config/reader.h"

namespace cirque::config {

enum class YamlSubset : std::uint8_t { All, Json };

// The text is clean (prefilter.h). A Null node when there are errors.
Node read_yaml(std::string_view text, YamlSubset subset, unsigned file, Intake& intake);

}  // namespace cirque::config
