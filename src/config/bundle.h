#pragma once
// The files of a configuration as one run of bytes, to send to another process: for each file its
// path and its text, both as netstrings ("5:a.yml,").
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/source.h"

namespace cirque::config {

std::string pack(const std::vector<Source>& sources);

// Nothing when it is not what pack() makes, or is of no files.
std::optional<std::vector<Source>> unpack(std::string_view bundle);

}  // namespace cirque::config
