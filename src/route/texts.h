#pragma once
// Many short texts in one block of memory, each known by where it stands.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "route/flat_index.h"

namespace cirque::route {

struct TextSpan {
  std::uint32_t at = 0;
  std::uint32_t size = 0;
};

// Grows while a router is compiled, then stays. Views are good while the router lives.
class Texts {
 public:
  TextSpan add(std::string_view text) {
    CIRQUE_CHECK(text_.size() + text.size() < kNone);
    auto at = static_cast<std::uint32_t>(text_.size());
    text_.append(text);
    return {at, static_cast<std::uint32_t>(text.size())};
  }

  std::string_view operator[](TextSpan span) const noexcept {
    return std::string_view(text_).substr(span.at, span.size);
  }

  // Nothing more will be added.
  void shrink() { text_.shrink_to_fit(); }

  std::size_t bytes() const noexcept { return text_.capacity(); }

 private:
  std::string text_;
};

}  // namespace cirque::route
