#include "config/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>

namespace cirque::config {
namespace {

using Kind = Node::Kind;

bool can_join(const Node& a, const Node& b) {
  return a.kind == b.kind && (a.kind == Kind::List || a.kind == Kind::Map);
}

void complain(const Entry& first, const Entry& second, Report& report) {
  report
      .add(Code::DuplicateKey, second.key.spot, {},
           fmt::format("'{}' stands here a second time; the first is {}", second.key.text,
                       report.where(first.key.spot, second.key.spot)))
      .expected = "every key in one file alone; lists and maps may be spread";
}

std::vector<Node> appended(const std::vector<Entry>& lists) {
  std::vector<Node> items;
  for (const auto& list : lists) std::ranges::copy(list.value.items, std::back_inserter(items));
  return items;
}

std::vector<Entry> joined(const std::vector<Entry>& maps, TreeMemory& memory, Report& report) {
  std::vector<std::vector<Entry>> by_key;
  std::unordered_map<std::string_view, std::size_t> place;
  for (const auto& map : maps) {
    for (const auto& entry : map.value.entries) {
      auto [found, is_new] = place.emplace(entry.key.text, by_key.size());
      if (is_new) by_key.emplace_back();
      by_key[found->second].push_back(entry);
    }
  }
  std::vector<Entry> entries;
  entries.reserve(by_key.size());
  for (auto& values : by_key) entries.push_back(merged(std::move(values), memory, report));
  return entries;
}

}  // namespace

Entry merged(std::vector<Entry> values, TreeMemory& memory, Report& report) {
  auto is_nothing = [](const Entry& entry) { return entry.value.kind == Kind::Null; };
  if (std::ranges::all_of(values, is_nothing)) return values.front();
  std::erase_if(values, is_nothing);
  for (std::size_t i = 1; i < values.size();) {
    if (can_join(values.front().value, values[i].value)) {
      ++i;
    } else {
      complain(values.front(), values[i], report);
      values.erase(values.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  auto one = values.front();
  if (values.size() == 1) return one;
  if (one.value.kind == Kind::List) {
    one.value.items = memory.keep_all(appended(values));
  } else {
    one.value.entries = memory.keep_all(joined(values, memory, report));
  }
  return one;
}

}  // namespace cirque::config
