#pragma once
// Sets of statuses as a configuration writes them, piece by piece.
#include <optional>
#include <string_view>

namespace cirque::config {

// What an answer can have in the end: 1xx comes before it.
inline constexpr unsigned kStatusMin = 200;
inline constexpr unsigned kStatusMax = 599;

struct StatusRange {
  unsigned first;
  unsigned last;  // included
};

// "200", "2xx" or "200-399".
std::optional<StatusRange> parse_statuses(std::string_view text) noexcept;

}  // namespace cirque::config
