#include "config/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "config/lower.h"
#include "config/options.h"
#include "config/print.h"
#include "config/write.h"

namespace cirque::config {
namespace {

using Kind = Change::Kind;

// --- Which item is which ------------------------------------------------------------------------

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

struct Pair {
  std::size_t before;  // kNone: added
  std::size_t after;   // kNone: removed
  bool is_alone;       // no other item has its name
};

struct Identity {
  std::string_view key;  // empty: it has none
  std::string text;

  auto operator<=>(const Identity&) const = default;
};

// One list, before or after.
struct Items {
  Items(const Option& list, void* owner)
      : option(list), records(std::get<Records>(list.slot)), record(owner) {}

  std::size_t size() const { return records.size(record); }

  void* at(std::size_t i) const { return records.at(record, i); }

  Identity identity(std::size_t i) const {
    if (option.type == Type::Keyed) return {option.key(), records.name(at(i))};
    for (auto key : words_of(option.known_by)) {
      const auto* child = canonical().child(inside_of(option), key);
      auto text = child ? text_in(*child, at(i)) : std::string();
      if (!text.empty()) return {child->key(), std::move(text)};
    }
    return {};
  }

  // Equal texts are equal items.
  std::string text(std::size_t i) const {
    return print(tree_of(inside_of(option), at(i)), Language::Json);
  }

  const Option& option;
  Records records;
  void* record;
};

// Those that could be each other.
struct Group {
  std::vector<std::size_t> before;
  std::vector<std::size_t> after;
};

// The equal ones first, then in their order.
std::vector<Pair> pairs_of(const Group& group, const Items& before, const Items& after) {
  std::vector<Pair> pairs;
  std::multimap<std::string, std::size_t> by_text;
  std::vector<std::size_t> left;
  bool is_alone = group.before.size() < 2 && group.after.size() < 2;
  if (is_alone) {
    left = group.before;
  } else {
    for (auto i : group.before) by_text.emplace(before.text(i), i);
  }
  std::vector<std::size_t> others;
  for (auto i : group.after) {
    auto equal = is_alone ? by_text.end() : by_text.find(after.text(i));
    if (equal == by_text.end()) {
      others.push_back(i);
    } else {
      pairs.push_back({equal->second, i, false});
      by_text.erase(equal);
    }
  }
  for (const auto& [text, i] : by_text) left.push_back(i);
  std::ranges::sort(left);
  for (std::size_t i = 0; i < std::max(left.size(), others.size()); ++i) {
    pairs.push_back(
        {i < left.size() ? left[i] : kNone, i < others.size() ? others[i] : kNone, is_alone});
  }
  return pairs;
}

// In the order of the later list; what has left comes last.
std::vector<Pair> pairs_of(const Items& before, const Items& after) {
  std::map<Identity, Group> groups;
  for (std::size_t i = 0; i < before.size(); ++i) groups[before.identity(i)].before.push_back(i);
  for (std::size_t i = 0; i < after.size(); ++i) groups[after.identity(i)].after.push_back(i);
  std::vector<Pair> pairs;
  for (const auto& [identity, group] : groups) {
    std::ranges::copy(pairs_of(group, before, after), std::back_inserter(pairs));
  }
  std::ranges::sort(pairs, {}, [](const Pair& pair) { return std::pair(pair.after, pair.before); });
  return pairs;
}

// --- What differs -------------------------------------------------------------------------------

bool is_list_of_values(const DraftNode& node) {
  return node.kind == DraftNode::Kind::List || node.kind == DraftNode::Kind::Map;
}

// A list's items, or a table's entries, as texts to be sorted by.
std::vector<std::pair<std::string, DraftNode>> parts_of(const DraftNode& node) {
  std::vector<std::pair<std::string, DraftNode>> parts;
  parts.reserve(node.items.size() + node.entries.size());
  for (const auto& item : node.items) parts.emplace_back(item.text, item);
  for (const auto& [key, value] : node.entries) {
    auto entry = map_node();
    put(entry, key, value);
    parts.emplace_back(print(entry, Language::Json), std::move(entry));
  }
  std::ranges::sort(parts, {}, &std::pair<std::string, DraftNode>::first);
  return parts;
}

// What `one` has and `other` has not. A text that stands twice counts twice.
DraftNode without(const DraftNode& one, const DraftNode& other) {
  auto mine = parts_of(one);
  auto theirs = parts_of(other);
  DraftNode node;
  node.kind = one.kind;
  auto at = theirs.begin();
  for (auto& [text, part] : mine) {
    while (at != theirs.end() && at->first < text) ++at;
    if (at != theirs.end() && at->first == text) {
      ++at;
    } else if (one.kind == DraftNode::Kind::List) {
      node.items.push_back(std::move(part));
    } else {
      node.entries.push_back(std::move(part.entries.front()));
    }
  }
  return node;
}

bool is_empty(const DraftNode& node) {
  return node.items.empty() && node.entries.empty();
}

class Differ {
 public:
  void map(std::string_view table, void* before, void* after) {
    for (const auto* option : canonical().children_of(table)) {
      if (is_short_form(*option)) continue;
      if (option->type == Type::Map) {
        map(option->path, before, after);
      } else if (std::holds_alternative<Records>(option->slot)) {
        list({*option, before}, {*option, after});
      } else {
        value(*option, before, after);
      }
    }
  }

  std::vector<Change> take() { return std::move(changes_); }

 private:
  void list(const Items& before, const Items& after) {
    auto pairs = pairs_of(before, after);
    if (after.option.is_ordered && has_moved(pairs)) {
      add(Kind::Moved, after.option.within_record(), {}, names_of(pairs, after));
    }
    for (auto [was, is, is_alone] : pairs) {
      bool is_added = was == kNone;
      bool is_removed = is == kNone;
      at_.push_back(is_removed ? item(before, was, is_alone) : item(after, is, is_alone));
      auto table = inside_of(after.option);
      if (is_added) {
        add(Kind::Added, {}, {}, tree_of(table, after.at(is)));
      } else if (is_removed) {
        add(Kind::Removed, {}, tree_of(table, before.at(was)), {});
      } else {
        map(table, before.at(was), after.at(is));
      }
      at_.pop_back();
    }
  }

  // Does one that is in both lists stand before another that it stood behind?
  static bool has_moved(const std::vector<Pair>& pairs) {
    std::size_t last = 0;
    for (auto [was, is, is_alone] : pairs) {
      if (was == kNone || is == kNone) continue;
      if (was < last) return true;
      last = was;
    }
    return false;
  }

  static DraftNode names_of(const std::vector<Pair>& pairs, const Items& after) {
    auto names = list_node();
    for (auto [was, is, is_alone] : pairs) {
      if (is != kNone) names.items.push_back(text_node(item(after, is, is_alone).name));
    }
    return names;
  }

  static ChangedItem item(const Items& items, std::size_t i, bool is_alone) {
    auto name = items.identity(i).text;
    if (name.empty() || !is_alone) name += fmt::format("#{}", i + 1);
    return {std::string(items.option.within_record()), std::move(name), i};
  }

  void value(const Option& option, void* before, void* after) {
    if (is_same(option, before, after)) return;
    auto was = given(option, before);
    auto is = given(option, after);
    if (is_list_of_values(was)) {
      auto gone = without(was, is);
      auto come = without(is, was);
      if (is_empty(gone) && is_empty(come)) {
        if (option.is_ordered) add(Kind::Moved, option.within_record(), {}, std::move(is));
        return;
      }
      return add(Kind::Changed, option.within_record(), std::move(gone), std::move(come));
    }
    add(Kind::Changed, option.within_record(), std::move(was), std::move(is));
  }

  // Null: not given, and there is no default.
  static DraftNode given(const Option& option, void* record) {
    auto node = tree_of(option, record);
    bool is_scalar = node.kind == DraftNode::Kind::Scalar;
    return is_scalar && is_unset(option, node.text) ? DraftNode{} : node;
  }

  void add(Kind kind, std::string_view key, DraftNode before, DraftNode after) {
    changes_.push_back({kind, at_, std::string(key), std::move(before), std::move(after)});
  }

  std::vector<ChangedItem> at_;
  std::vector<Change> changes_;
};

// --- For people ---------------------------------------------------------------------------------

// What fits in a line that is read at a glance.
constexpr std::size_t kShownBytesMax = 80;
constexpr std::size_t kShownItemsMax = 10;

std::string_view last_of(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

// "virtual host" of "virtual_hosts".
std::string noun(std::string_view path) {
  auto list = last_of(path);
  if (list == "query") return "parameter";
  if (list == "split") return "share";
  std::string out(list);
  std::ranges::replace(out, '_', ' ');
  if (out.ends_with("s")) out.pop_back();
  return out;
}

std::string counted(std::size_t number, std::string_view list) {
  std::string plural(last_of(list));
  std::ranges::replace(plural, '_', ' ');
  return fmt::format("{} {}", number, number == 1 ? noun(list) : plural);
}

// In quotes where it would run into what stands around it.
std::string shown(std::string_view text) {
  auto part = text.substr(0, kShownBytesMax);
  while (part.size() < text.size() &&
         (static_cast<unsigned char>(text[part.size()]) & 0xc0) == 0x80)
    part.remove_suffix(1);  // not within a character
  auto in_quotes = quoted(part, Language::Json);
  bool is_clear = !text.empty() && part.find_first_of(" ,;") == part.npos &&
                  in_quotes.size() == part.size() + 2;
  return (is_clear ? std::string(part) : in_quotes) + (part.size() < text.size() ? "..." : "");
}

std::string shown(const DraftNode& scalar) {
  return scalar.kind == DraftNode::Kind::Null ? "not given" : shown(scalar.text);
}

// Each of a list or a table, with `sign` before it.
std::vector<std::string> shown_parts(const DraftNode& node, std::string_view sign) {
  std::vector<std::string> parts;
  parts.reserve(node.items.size() + node.entries.size());
  for (const auto& item : node.items) parts.push_back(fmt::format("{}{}", sign, shown(item)));
  for (const auto& [key, value] : node.entries) {
    parts.push_back(fmt::format("{}{}: {}", sign, shown(key), shown(value)));
  }
  if (parts.size() > kShownItemsMax) {
    auto more = parts.size() - kShownItemsMax;
    parts.resize(kShownItemsMax);
    parts.push_back(fmt::format("{}{} more", sign, more));
  }
  return parts;
}

void sum_up(std::string_view table, const DraftNode& map, std::string_view name,
            std::vector<std::string>& out) {
  for (const auto& [key, value] : map.entries) {
    const auto* option = canonical().child(table, key);
    if (!option || (value.kind == DraftNode::Kind::Scalar && value.text == name)) continue;
    bool is_address = option->type == Type::Listen || option->type == Type::Target;
    if (option->type == Type::Map) {
      sum_up(option->path, value, {}, out);
    } else if (std::holds_alternative<Records>(option->slot)) {
      out.push_back(counted(value.items.size() + value.entries.size(), option->key()));
    } else if (is_list_of_values(value)) {
      auto parts = shown_parts(value, {});
      out.push_back(fmt::format("{} {}", option->within_record(), fmt::join(parts, ", ")));
    } else if (is_address) {
      out.push_back(shown(value));
    } else {
      out.push_back(fmt::format("{} {}", option->within_record(), shown(value)));
    }
  }
}

// The path of the items of the list that the last of them is in: "virtual_hosts[].routes[]".
std::string table_of(std::span<const ChangedItem> at) {
  std::string table;
  for (const auto& item : at) {
    auto path = table.empty() ? item.list : fmt::format("{}.{}", table, item.list);
    if (const auto* option = canonical().at(path)) table = inside_of(*option);
  }
  return table;
}

std::string whole_item(const Change& change) {
  bool is_added = change.kind == Kind::Added;
  std::vector<std::string> facts;
  sum_up(table_of(change.at), is_added ? change.after : change.before, change.at.back().name,
         facts);
  auto verb = is_added ? "added" : "removed";
  return facts.empty() ? verb : fmt::format("{} ({})", verb, fmt::join(facts, "; "));
}

std::string what_changed(const Change& change) {
  if (change.kind == Kind::Moved) {
    return fmt::format("{}{} in another order: {}", change.key, change.at.empty() ? ":" : "",
                       fmt::join(shown_parts(change.after, {}), ", "));
  }
  if (change.kind != Kind::Changed) return whole_item(change);
  std::string what;
  if (is_list_of_values(change.after)) {
    auto parts = shown_parts(change.after, "+ ");
    std::ranges::move(shown_parts(change.before, "- "), std::back_inserter(parts));
    what = fmt::format("{}", fmt::join(parts, ", "));
  } else {
    what = fmt::format("{} → {}", shown(change.before), shown(change.after));
  }
  return fmt::format("{}{} {}", change.key, change.at.empty() ? ":" : "", what);
}

struct Unchanged {
  std::string_view list;
  std::size_t count;
};

// Of the lists that are in no other list, those that have some.
std::vector<Unchanged> unchanged_of(std::span<const Change> changes, const Model& after) {
  std::map<std::string_view, std::vector<std::size_t>> touched;
  for (const auto& change : changes) {
    bool is_gone = change.at.size() == 1 && change.kind == Kind::Removed;
    if (change.at.empty() || is_gone) continue;
    auto& positions = touched[change.at.front().list];
    // Changes of one item follow each other.
    if (positions.empty() || positions.back() != change.at.front().position) {
      positions.push_back(change.at.front().position);
    }
  }
  std::vector<Unchanged> all;
  for (const auto& option : canonical().options()) {
    bool is_list = std::holds_alternative<Records>(option.slot);
    bool is_on_top = option.path.find_first_of("[{") == option.path.npos;
    if (!is_list || !is_on_top || is_short_form(option)) continue;
    auto size = Items(option, const_cast<Model*>(&after)).size();
    auto count = size - std::min(size, touched[option.path].size());
    if (count > 0) all.push_back({option.path, count});
  }
  return all;
}

// --- For programs -------------------------------------------------------------------------------

DraftNode place_node(const ChangedItem& item) {
  auto node = map_node();
  put(node, "list", text_node(item.list));
  put(node, "name", text_node(item.name));
  return node;
}

DraftNode node_of(const Change& change) {
  constexpr std::string_view kKinds[] = {"added", "removed", "changed", "moved"};
  auto node = map_node();
  put(node, "kind", text_node(std::string(kKinds[static_cast<std::size_t>(change.kind)])));
  auto at = list_node();
  for (const auto& item : change.at) at.items.push_back(place_node(item));
  put(node, "at", std::move(at));
  if (change.kind == Kind::Moved) {
    put(node, "key", text_node(change.key));
    put(node, "order", change.after);
    return node;
  }
  if (change.kind != Kind::Changed) {
    put(node, "value", change.kind == Kind::Added ? change.after : change.before);
    return node;
  }
  put(node, "key", text_node(change.key));
  bool is_list = is_list_of_values(change.after);
  put(node, is_list ? "removed" : "before", change.before);
  put(node, is_list ? "added" : "after", change.after);
  return node;
}

}  // namespace

std::vector<Change> diff(const Model& before, const Model& after) {
  Differ differ;
  // The table's way into a record is made for whoever fills it; here it is only read.
  differ.map("", const_cast<Model*>(&before), const_cast<Model*>(&after));
  return differ.take();
}

std::string render(std::span<const Change> changes, const Model& after) {
  std::string out;
  for (const auto& change : changes) {
    for (const auto& item : change.at) {
      out += fmt::format("{} {}: ", noun(item.list), shown(item.name));
    }
    out += what_changed(change) + "\n";
  }
  std::vector<std::string> counts;
  for (const auto& [list, count] : unchanged_of(changes, after)) {
    counts.push_back(counted(count, list));
  }
  return out + fmt::format("unchanged: {}\n",
                           counts.empty() ? "nothing" : fmt::format("{}", fmt::join(counts, ", ")));
}

std::string render_json(std::span<const Change> changes, const Model& after) {
  auto list = list_node();
  for (const auto& change : changes) list.items.push_back(node_of(change));
  auto counts = map_node();
  for (const auto& [name, count] : unchanged_of(changes, after)) {
    put(counts, name, plain_node(fmt::format("{}", count)));
  }
  auto node = map_node();
  put(node, "changes", std::move(list));
  put(node, "unchanged", std::move(counts));
  return print(node, Language::Json);
}

}  // namespace cirque::config
