#pragma once
// How two texts differ, line by line, as `diff -u` writes it.
#include <string>
#include <string_view>

namespace cirque::config {

struct Named {
  std::string_view name;
  std::string_view text;
};

// Empty when the texts are the same. The fewest lines that can be removed and added, unless these
// are more than kEditsMax: then all between the first difference and the last.
std::string line_diff(const Named& before, const Named& after);

}  // namespace cirque::config
