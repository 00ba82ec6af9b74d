#pragma once
// Where configurations are read from. Comes in as an argument so that a test, or a history of
// configurations, can be the world.
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "config/source.h"

namespace cirque::config {

// What is not to be seen by others, and whether it can be.
struct SecretFile {
  std::string bytes;
  bool is_open = false;  // everybody may read it
};

struct Files {
  // All of the file, or the errno that tells why not. Stops soon after kFileBytesMax.
  std::function<std::expected<std::string, int>(const std::string& path)> read;
  // The paths that match, sorted by their bytes. A star matches neither a slash nor the dot that
  // hides a file.
  std::function<std::vector<std::string>(const std::string& pattern)> glob;
  std::function<bool(const std::string& path)> is_directory;
  // Always of this machine: bundles and histories have no secrets. Stops soon after so many bytes.
  std::function<std::expected<SecretFile, int>(const std::string& path, std::size_t most)>
      read_secret;
};

// The real ones; "-" is standard input.
Files system_files();

// Exactly these, and no others; secrets as they are on this machine.
Files files_of(std::vector<Source> sources);

}  // namespace cirque::config
