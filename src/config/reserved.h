#pragma once
// Keys whose place is decided and whose behaviour is not there yet: a file that has one is told so,
// and nobody gives the name to something else.
#include <span>
#include <string_view>

namespace cirque::config {

struct Reserved {
  std::string_view path;  // "listeners[].tls"
  std::string_view doc;
};

std::span<const Reserved> reserved();

// Of the canonical language alone. Null: it is not one of them.
const Reserved* reserved_at(std::string_view table, std::string_view key) noexcept;

}  // namespace cirque::config
