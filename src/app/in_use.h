#pragma once
// Which configuration is in use, for whoever asks.
#include <cstdint>
#include <string>

#include "config/load.h"

namespace cirque::app {

struct InUse {
  std::string version;
  std::string hash;  // of its files, whole
  std::string source = "file";
  std::int64_t unix_time = 0;  // since when

  // Its version is what the file calls itself, or else the beginning of its hash.
  static InUse now(const config::Loaded& loaded);

  // {"last_reload_at": RFC 3339, "source": "file", "version": ...}
  std::string json() const;
};

}  // namespace cirque::app
