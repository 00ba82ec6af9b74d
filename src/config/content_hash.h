#pragma once
// What tells one configuration from another: SHA-256 over the paths and texts of its files.
#include <span>
#include <string>

#include "config/source.h"

namespace cirque::config {

// 64 hex digits. Sizes are hashed as well, so that a text cannot pass for the next file's path.
std::string content_hash(std::span<const Source> sources);

}  // namespace cirque::config
