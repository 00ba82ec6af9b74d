#pragma once
// One file of a configuration, as it was read. All of them together are the configuration: with
// files_of() they can be loaded again, whatever has become of the files since.
#include <string>

namespace cirque::config {

struct Source {
  std::string path;
  std::string text;

  bool operator==(const Source&) const = default;
};

}  // namespace cirque::config
