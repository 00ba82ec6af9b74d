#include "route/key_table.h"

#include <limits>
#include <unordered_map>
#include <vector>

namespace cirque::route {

using Kind = KeyTable::Refusal::Kind;

std::expected<KeyTable, KeyTable::Refusal> KeyTable::compile(
    std::span<const KeySpec> keys, std::optional<std::uint32_t> fallback) {
  std::unordered_map<std::string_view, std::size_t> seen;
  seen.reserve(keys.size());
  std::vector<TextTable::Entry> entries;
  entries.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::string_view key = keys[i].key;
    if (key.empty()) return std::unexpected(Refusal{Kind::Empty, i});
    if (key.size() > std::numeric_limits<std::uint16_t>::max()) {
      return std::unexpected(Refusal{Kind::TooLong, i});
    }
    auto [first, is_new] = seen.emplace(key, i);
    if (!is_new) return std::unexpected(Refusal{Kind::Twice, i, first->second});
    entries.push_back({key, keys[i].target});
  }
  KeyTable table;
  table.table_ = TextTable(entries);
  table.fallback_ = fallback;
  return table;
}

std::optional<KeyTable::Found> KeyTable::find(std::string_view key) const noexcept {
  std::uint32_t target = table_.find(key);
  if (target != kNone) return Found{target, true};
  if (fallback_) return Found{*fallback_, false};
  return std::nullopt;
}

}  // namespace cirque::route
