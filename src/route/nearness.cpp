#include "route/nearness.h"

#include <algorithm>

#include "base/text.h"

namespace cirque::route {
namespace {

constexpr std::size_t kWordBytesMax = 256;  // edit_distance costs the product of the lengths

constexpr std::size_t slip_max(std::size_t size) noexcept {
  return std::max<std::size_t>(1, size / 3);
}

std::size_t distance(std::string_view wanted, std::string_view word) {
  if (base::equal_fold(wanted, word)) return 0;
  if (std::max(wanted.size(), word.size()) > kWordBytesMax) return kWordBytesMax;
  return base::edit_distance(base::lowered(wanted), base::lowered(word));
}

std::string_view take_segment(std::string_view& path) noexcept {
  if (path.empty()) return {};
  path.remove_prefix(1);
  auto segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// What a wildcard costs: nothing, unless there is nothing in its place.
std::size_t segment_distance(bool is_pattern, std::string_view wanted, std::string_view segment) {
  bool is_wildcard = is_pattern && (wanted == "*" || wanted.starts_with('{'));
  if (is_wildcard) return segment.empty() ? 1 : 0;
  return distance(wanted, segment);
}

}  // namespace

std::optional<std::size_t> word_distance(std::string_view wanted, std::string_view word) {
  std::size_t steps = distance(wanted, word);
  if (steps > slip_max(std::max(wanted.size(), word.size()))) return std::nullopt;
  return steps;
}

std::optional<std::size_t> path_distance(PathKind kind, std::string_view wanted,
                                         std::string_view path) {
  if (kind == PathKind::Regex || kind == PathKind::Any) return std::nullopt;
  std::size_t size = std::max(wanted.size(), path.size());
  bool is_pattern = kind == PathKind::Pattern;
  bool is_open = kind == PathKind::Prefix || (is_pattern && wanted.ends_with("/**"));
  if (is_pattern && is_open) wanted.remove_suffix(3);
  std::size_t steps = 0;
  while (!wanted.empty()) {
    steps += path.empty() ? 1 : 0;
    auto word = take_segment(wanted);
    steps += segment_distance(is_pattern, word, take_segment(path));
  }
  if (!is_open) steps += path.size();
  if (steps > slip_max(size)) return std::nullopt;
  return steps;
}

}  // namespace cirque::route
