#pragma once
// Which files a configuration is made of, without a look at what they mean: for whoever has to
// notice that they have changed.
#include <cstdint>
#include <string>
#include <vector>

#include "config/files.h"
#include "config/source.h"

namespace cirque::config {

// Where it was looked for files.
struct Wanted {
  std::vector<std::string> paths;    // whether there was a file or not
  std::vector<std::string> folders;  // all that is in them matters, by its name
};

// A file that has a secret, told by a hash of its bytes alone.
struct SecretMark {
  std::string path;
  std::uint64_t hash = 0;  // 0: it cannot be read

  bool operator==(const SecretMark&) const = default;
};

struct Survey {
  std::vector<Source> sources;  // as Loaded has them; empty when the main file cannot be read
  std::vector<SecretMark> secrets;
  Wanted wanted;
};

Survey survey(const std::string& path, const Files& files = system_files());

}  // namespace cirque::config
