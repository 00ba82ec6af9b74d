#include "config/statuses.h"

#include "base/text.h"

namespace cirque::config {
namespace {

std::optional<unsigned> parse_status(std::string_view text) noexcept {
  constexpr std::size_t kDigits = 3;
  auto number = text.size() == kDigits ? base::parse_number(text, kStatusMax) : std::nullopt;
  if (!number || *number < kStatusMin) return std::nullopt;
  return static_cast<unsigned>(*number);
}

}  // namespace

std::optional<StatusRange> parse_statuses(std::string_view text) noexcept {
  bool is_class = text.size() == 3 && text.ends_with("xx") && text[0] >= '2' && text[0] <= '5';
  if (is_class) {
    auto first = static_cast<unsigned>(text[0] - '0') * 100;
    return StatusRange{first, first + 99};
  }
  auto dash = text.find('-');
  auto first = parse_status(text.substr(0, dash));
  auto last = dash == text.npos ? first : parse_status(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return StatusRange{*first, *last};
}

}  // namespace cirque::config
