#pragma once
// One file of a configuration, as it was read. All of them together are the configuration: with
// files_of() they can be loaded again, whatever has become of the files since.
#include <string>

namespace cirque::config {

struct Source {
  std::string path;
  std::string text;

  // A folder that was asked for, which may have been empty: nothing to read, but without it nobody
  // could tell later that it was there.
  bool is_folder() const noexcept { return path.ends_with('/'); }

  bool operator==(const Source&) const = default;
};

}  // namespace cirque::config
