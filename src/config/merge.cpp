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

std::vector<Node> appended(std::vector<Entry>& lists) {
  std::vector<Node> items;
  for (auto& list : lists) std::ranges::move(list.value.items, std::back_inserter(items));
  return items;
}

std::vector<Entry> joined(std::vector<Entry>& maps, Report& report) {
  std::vector<std::vector<Entry>> by_key;
  std::unordered_map<std::string, std::size_t> place;
  for (auto& map : maps) {
    for (auto& entry : map.value.entries) {
      auto [found, is_new] = place.emplace(entry.key.text, by_key.size());
      if (is_new) by_key.emplace_back();
      by_key[found->second].push_back(std::move(entry));
    }
  }
  std::vector<Entry> entries;
  for (auto& values : by_key) entries.push_back(merged(std::move(values), report));
  return entries;
}

}  // namespace

Entry merged(std::vector<Entry> values, Report& report) {
  auto is_nothing = [](const Entry& entry) { return entry.value.kind == Kind::Null; };
  if (std::ranges::all_of(values, is_nothing)) return std::move(values.front());
  std::erase_if(values, is_nothing);
  for (std::size_t i = 1; i < values.size();) {
    if (can_join(values.front().value, values[i].value)) {
      ++i;
    } else {
      complain(values.front(), values[i], report);
      values.erase(values.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  if (values.size() == 1) return std::move(values.front());

  bool are_lists = values.front().value.kind == Kind::List;
  auto items = are_lists ? appended(values) : std::vector<Node>();
  auto entries = are_lists ? std::vector<Entry>() : joined(values, report);
  auto one = std::move(values.front());
  one.value.items = std::move(items);
  one.value.entries = std::move(entries);
  return one;
}

}  // namespace cirque::config
