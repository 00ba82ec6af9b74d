#include "config/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/values.h"

namespace cirque::config {
namespace {

constexpr std::uint64_t kSecond = 1000;

// Without what people vary: case, dashes, underscores.
std::string bare(std::string_view key) {
  auto out = base::lowered(key);
  std::erase_if(out, [](char c) { return c == '-' || c == '_' || c == ' '; });
  return out;
}

bool goes_by(const Option& option, std::string_view key) {
  auto wanted = bare(key);
  return bare(option.key()) == wanted || std::ranges::any_of(words_of(option.also), [&](auto word) {
           return bare(word) == wanted;
         });
}

// Two slips of the pen in a word of usual length, one in a short one.
std::size_t tolerance(std::string_view word) {
  return word.size() < 4 ? 1 : 2;
}

const Option* closest(std::span<const Option* const> among, std::string_view key) {
  const Option* nearest = nullptr;
  auto distance = tolerance(key) + 1;
  for (const auto* option : among) {
    auto d = base::edit_distance(key, option->key());
    if (d >= distance) continue;
    distance = d;
    nearest = option;
  }
  return nearest;
}

struct Printed {
  std::string operator()(std::monostate) const { return {}; }

  std::string operator()(Records) const { return {}; }

  template <class T>
  std::string operator()(In<T> slot) const {
    return show(slot(record));
  }

  std::string show(bool flag) const { return flag ? "true" : "false"; }

  std::string show(unsigned number) const { return fmt::format("{}", number); }

  std::string show(int number) const { return fmt::format("{}", number); }

  std::string show(std::size_t number) const {
    return option.type == Type::Size ? size_text(number) : fmt::format("{}", number);
  }

  std::string show(Duration duration) const {
    if (option.type == Type::Milliseconds) return fmt::format("{}", duration / 1ms);
    if (option.type == Type::Seconds) return fmt::format("{}", duration / 1s);
    return text_of(duration);
  }

  std::string show(const std::string& text) const { return text; }

  std::string show(const HostPort& address) const { return address.text; }

  std::string show(const std::vector<HostPort>&) const { return {}; }

  std::string show(const std::vector<std::string>&) const { return {}; }

  std::string show(const std::vector<TableEntry>&) const { return {}; }

  template <class E>
    requires std::is_enum_v<E>
  std::string show(E choice) const {
    return std::string(words_of(option.choices).at(static_cast<std::size_t>(choice)));
  }

  const Option& option;
  void* record;
};

std::string amount_text(const Option& option, std::uint64_t amount) {
  switch (option.type) {
    case Type::Duration:
      return text_of(Duration(std::chrono::milliseconds(amount)));
    case Type::Seconds:
      return fmt::format("{}", amount / kSecond);
    case Type::Size:
      return size_text(amount);
    default:
      return fmt::format("{}", amount);
  }
}

}  // namespace

std::string_view Option::parent() const noexcept {
  auto dot = path.rfind('.');
  return dot == path.npos ? std::string_view() : path.substr(0, dot);
}

std::string_view Option::key() const noexcept {
  return path.substr(path.rfind('.') + 1);
}

std::string_view Option::within_record() const noexcept {
  auto end = path.find_last_of("]}");
  return end == path.npos ? path : path.substr(end + 2);
}

std::string inside_of(const Option& group) {
  std::string path(group.path);
  if (group.type == Type::List) path += "[]";
  if (group.type == Type::Keyed) path += "{}";
  return path;
}

Schema::Schema(std::span<const Option> table, std::shared_ptr<void> (*root)())
    : table_(table), make_(root), root_(root()) {
  for (const auto& option : table_) {
    by_path_.emplace(option.path, &option);
    children_[option.parent()].push_back(&option);
    if (const auto* records = std::get_if<Records>(&option.slot)) {
      records->resize(untouched(option), 1);
    }
  }
}

const Option* Schema::at(std::string_view path) const {
  auto found = by_path_.find(path);
  return found == by_path_.end() ? nullptr : found->second;
}

std::span<const Option* const> Schema::children_of(std::string_view parent) const {
  auto found = children_.find(parent);
  return found == children_.end() ? std::span<const Option* const>() : found->second;
}

const Option* Schema::child(std::string_view parent, std::string_view key) const {
  for (const auto* option : children_of(parent)) {
    if (option->key() == key) return option;
  }
  return nullptr;
}

std::string Schema::nearest_key(std::string_view parent, std::string_view key) const {
  auto siblings = children_of(parent);
  auto find = [](const auto& among, auto fits) -> const Option* {
    auto found = std::ranges::find_if(among, fits);
    return found == among.end() ? nullptr : *found;
  };
  auto same = [&](const Option* o) { return bare(o->key()) == bare(key); };
  auto alias = [&](const Option* o) { return goes_by(*o, key); };

  if (const auto* o = find(siblings, same)) return std::string(o->key());
  if (const auto* o = closest(siblings, key)) return std::string(o->key());
  if (const auto* o = find(siblings, alias)) return std::string(o->key());
  std::vector<const Option*> all;  // right, but in the wrong place
  for (const auto& option : table_) all.push_back(&option);
  if (const auto* o = find(all, same)) return std::string(o->path);
  if (const auto* o = find(all, alias)) return std::string(o->path);
  if (const auto* o = closest(all, key)) return std::string(o->path);
  return {};
}

std::string Schema::default_of(const Option& option) const {
  if (option.need == Need::Required) return {};
  auto text = text_in(option, untouched(option));
  return is_unset(option, text) ? std::string() : text;
}

bool Schema::is_preset(const Option& option, void* record) const {
  if (const auto* records = std::get_if<Records>(&option.slot)) return records->size(record) == 0;
  if (option.type != Type::Map) return is_same(option, record, untouched(option));
  return std::ranges::all_of(children_of(option.path),
                             [&](const Option* child) { return is_preset(*child, record); });
}

void* Schema::untouched(const Option& option) const {
  void* record = root_.get();
  for (auto end = option.path.find_first_of("[{"); end != option.path.npos;
       end = option.path.find_first_of("[{", end + 1)) {
    record = std::get<Records>(at(option.path.substr(0, end))->slot).at(record, 0);
  }
  return record;
}

std::string_view nearest_choice(const Option& option, std::string_view text) {
  static const std::map<std::string_view, std::string_view> kElsewhere = {
      {"warning", "warn"},    {"err", "error"},   {"fatal", "error"}, {"critical", "error"},
      {"verbose", "debug"},   {"notice", "info"}, {"plain", "text"},  {"console", "stderr"},
      {"common", "combined"}, {"human", "text"},  {"pretty", "text"}};
  auto word = base::lowered(text);
  auto choices = words_of(option.choices);
  auto elsewhere = kElsewhere.find(word);
  bool is_known = elsewhere != kElsewhere.end();
  if (is_known && std::ranges::find(choices, elsewhere->second) != choices.end()) {
    return elsewhere->second;
  }
  std::string_view nearest;
  auto distance = tolerance(word) + 1;
  for (auto choice : choices) {
    auto d = base::edit_distance(word, choice);
    if (d < distance) {
      distance = d;
      nearest = choice;
    }
  }
  return nearest;
}

std::string bounds_of(const Option& option) {
  switch (option.type) {
    case Type::Number:
    case Type::Duration:
    case Type::Milliseconds:
    case Type::Seconds:
    case Type::Size:
      return fmt::format("{} to {}", amount_text(option, option.min),
                         amount_text(option, option.max));
    case Type::Text:
    case Type::Name:
    case Type::Prose:
    case Type::Path:
      return fmt::format("{} to {} bytes", option.min, option.max);
    default:
      return {};
  }
}

std::string expected_of(const Option& option) {
  auto such_as = [&](std::string_view what) {
    return fmt::format("{}, such as {}", what, option.example);
  };
  switch (option.type) {
    case Type::Map:
      return "a map of keys and values";
    case Type::List:
      return "a list of maps: in YAML each item starts with '-', in TOML with [[...]]";
    case Type::Keyed:
      return "a map of names, each with a map of keys and values";
    case Type::Flag:
      return "true or false";
    case Type::Number:
      return fmt::format("a whole number, {}", bounds_of(option));
    case Type::Milliseconds:
      return fmt::format("a whole number of milliseconds, {}", bounds_of(option));
    case Type::Seconds:
      return fmt::format("a whole number of seconds, {}", bounds_of(option));
    case Type::Duration: {
      auto what = such_as("a duration with its unit (ms, s, m, h, d)");
      return fmt::format("{}; {}", what, bounds_of(option));
    }
    case Type::Size: {
      auto what = such_as("a number of bytes, with k, m or g for 1024 and its powers");
      return fmt::format("{}; {}", what, bounds_of(option));
    }
    case Type::Text:
    case Type::Prose:
      return such_as("a text");
    case Type::Name:
      return such_as("a name without spaces");
    case Type::Path:
      return such_as("the path of a file");
    case Type::Choice:
      return fmt::format("one of {}", fmt::join(words_of(option.choices), ", "));
    case Type::Listen:
      return "an address and a port to listen on: 0.0.0.0:8080, '[::1]:8080', localhost:8080, or "
             "unix:/run/app.sock";
    case Type::Target:
      return "an address and a port: 127.0.0.1:3000, '[::1]:3000', app.internal:3000, or "
             "unix:/run/app.sock";
    case Type::Connect:
      return "a list of addresses with ports, such as ['127.0.0.1:3000']";
    case Type::Networks:
      return "a list of IP addresses and blocks, such as ['10.0.0.0/8']";
    case Type::Names:
      return such_as("a list of names");
    case Type::Statuses:
      return such_as("a list of statuses, classes and ranges of them");
    case Type::Members:
      return "a list of addresses with ports and of names of backends, such as ['127.0.0.1:3000']";
    case Type::Table:
      return such_as("a map of texts to names");
    case Type::Include:
      return "a path, or a list of paths";
    case Type::NameServers:
      return "a list of IP addresses, with a port unless it is 53, such as ['10.0.0.53']";
  }
  return {};
}

std::string expected_item_of(const Option& option) {
  if (option.type == Type::Names || option.type == Type::Table) return "a name without spaces";
  if (option.type == Type::Statuses) {
    return fmt::format("a status from {0} to {1}, a class or a range: {0}, {2}xx, {0}-{3}",
                       option.min, option.max, option.min / 100, option.min + 4);
  }
  if (option.type == Type::Members) {
    return "an address and a port, such as 127.0.0.1:3000, or the id of one of `backends`";
  }
  if (option.type == Type::Connect) {
    return "an address and a port: 127.0.0.1:3000, '[::1]:3000', app.internal:3000, or "
           "unix:/run/app.sock";
  }
  if (option.type == Type::Networks) return "an IP address or a block, such as 10.0.0.0/8";
  if (option.type == Type::NameServers) {
    return "an IP address, with a port unless it is 53: 10.0.0.53, 127.0.0.1:5353, '::1'";
  }
  return expected_of(option);
}

std::string text_in(const Option& option, void* record) {
  return std::visit(Printed{option, record}, option.slot);
}

bool is_unset(const Option& option, std::string_view text) {
  return text.empty() || (text == "0" && option.type == Type::Number && option.min > 0);
}

bool is_plain(const Option& option, std::string_view text) {
  switch (option.type) {
    case Type::Flag:
    case Type::Number:
    case Type::Milliseconds:
    case Type::Seconds:
      return true;
    case Type::Size:
    case Type::Statuses:
      return text.find_first_not_of("0123456789") == text.npos;
    default:
      return false;
  }
}

bool is_same(const Option& option, void* one, void* other) {
  return std::visit(
      [&](auto slot) {
        if constexpr (requires { slot(one) == slot(other); }) return slot(one) == slot(other);
        return true;
      },
      option.slot);
}

std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> words;
  while (!list.empty()) {
    auto space = list.find(' ');
    words.push_back(list.substr(0, space));
    list.remove_prefix(space == list.npos ? list.size() : space + 1);
  }
  return words;
}

}  // namespace cirque::config
