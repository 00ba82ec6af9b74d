#pragma once
// What libfyaml says of a text that cannot be read, in words that tell what to do.
#include <string_view>

namespace cirque::config {

struct Wording {
  std::string_view message;
  std::string_view expected = {};  // may be empty
  bool is_behind_quote = false;  // its place is behind the quote that it is about, if there is one
};

Wording wording_of(std::string_view theirs) noexcept;

}  // namespace cirque::config
