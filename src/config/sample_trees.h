#pragma once
// For tests: trees that say something, by chance, for any option of the table. Whatever the table
// takes may come, above all texts that one of the languages could take for something else.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>
#include <ranges>
#include <string>
#include <string_view>

#include "config/lower.h"
#include "config/options.h"
#include "config/print.h"
#include "config/statuses.h"
#include "config/values.h"
#include "config/walk.h"

namespace cirque::config {

class SampleTrees {
 public:
  explicit SampleTrees(unsigned seed) : random_(seed) {}

  enum class Amount : std::uint8_t { Some, All };

  template <class Range>
  auto one_of(const Range& range) {
    return range[below(std::size(range))];
  }

  // What stands at `table`. Some: what is required, and every second of the others.
  DraftNode map(std::string_view table, Amount amount) {
    auto node = map_node();
    for (const auto* option : canonical().children_of(table)) {
      bool is_said = option->need == Need::Required || amount == Amount::All || below(2) == 0;
      // Gone before anything is filled.
      if (is_said && option->type != Type::Include) {
        put(node, option->key(), value(*option, amount));
      }
    }
    return node;
  }

  DraftNode value(const Option& option, Amount amount = Amount::All) {
    switch (option.type) {
      case Type::Map:
        return map(option.path, amount);
      case Type::List:
        return list([&] { return map(inside_of(option), amount); });
      case Type::Keyed:
        return keyed([&] { return map(inside_of(option), amount); });
      case Type::Flag:
        return plain_node(below(2) == 0 ? "true" : "false");
      case Type::Number:
      case Type::Milliseconds:
        return plain_node(std::to_string(amount_of(option)));
      case Type::Seconds:
        return plain_node(std::to_string(amount_of(option) / 1000));
      case Type::Duration:
        return text_node(text_of(Duration(std::chrono::milliseconds(amount_of(option)))));
      case Type::Size:
        return text_node(size_text(amount_of(option)));
      case Type::Text:
      case Type::Prose:
      case Type::Name:
      case Type::Path:
        return text_node(text_for(option));
      case Type::Choice:
        return text_node(std::string(one_of(words_of(option.choices))));
      case Type::Listen:
      case Type::Target:
        return text_node(address());
      case Type::Connect:
        return list([&] { return text_node(address()); });
      case Type::Members:
        return list([&] { return text_node(below(2) == 0 ? address() : id()); });
      case Type::Networks:
        return list([&] { return text_node(network()); });
      case Type::NameServers:
        return list([&] { return text_node(name_server()); });
      case Type::Statuses:
        return list([&] { return statuses(option); });
      case Type::Names:
        return list([&] { return text_node(text_for(option)); });
      case Type::Table:
        return keyed([&] { return text_node(text_for(option)); });
      case Type::Include:
        break;
    }
    return {};
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  template <class Make>
  DraftNode list(Make make) {
    auto node = list_node();
    for (auto size = 1 + below(3); size > 0; --size) node.items.push_back(make());
    return node;
  }

  template <class Make>
  DraftNode keyed(Make make) {
    auto node = map_node();
    for (auto size = 1 + below(4); size > 0; --size) {
      auto key = pieces(4, below(2) == 0);
      if (below(16) == 0) key.append(2000, 'k');
      auto is_same_key = [&](const DraftEntry& entry) { return entry.key == key; };
      if (std::ranges::none_of(node.entries, is_same_key)) put(node, key, make());
    }
    return node;
  }

  // The bounds now and then.
  std::uint64_t amount_of(const Option& option) {
    auto dice = below(6);
    auto amount = dice == 0   ? option.min
                  : dice == 1 ? option.max
                              : option.min + below(option.max - option.min + 1);
    return option.type == Type::Seconds ? amount / 1000 * 1000 : amount;
  }

  std::string text_for(const Option& option) {
    bool no_spaces = option.type == Type::Name || option.type == Type::Names;
    while (true) {
      auto text = pieces(5, option.type == Type::Prose);
      if (no_spaces) std::erase(text, ' ');
      if (below(40) == 0) text.append(option.max - std::min(text.size(), option.max), 'x');
      if (text.size() >= option.min && text.size() <= option.max) return text;
    }
  }

  std::string pieces(unsigned most, bool has_lines) {
    static constexpr std::array<std::string_view, 62> kPieces = {
        "a",      "b",      "web",  " ",      "'",      "\"",     "\\",     "#",    ":",
        ": ",     " #",     "-",    "- ",     "--",     "{",      "}",      "[",    "]",
        ",",      "&",      "*",    "!",      "|",      ">",      "%",      "@",    "`",
        "~",      "null",   "true", "no",     "7",      "0x1f",   "1e3",    "1_",   ".5",
        "2001",   "-01",    "${",   "$${",    "$",      "é",      "😀",     "=",    "<<",
        "?",      "? ",     "...",  "/",      ".",      "10:30",  "\\n",    "\\u0", "日本",
        "\u00a0", "\"\"\"", "'''",  "\u2028", "\u0085", "\ufeff", "\ufffe", "a b"};
    std::string out;
    for (auto size = 1 + below(most); size > 0; --size) out += one_of(kPieces);
    if (has_lines && below(3) == 0) out += one_of(std::array{"\n", "\t", "\n\n a", "\n- b\n"});
    return out;
  }

  DraftNode statuses(const Option& option) {
    auto text = option.min == kStatusMin
                    ? one_of(std::array{"200", "599", "2xx", "5xx", "200-399", "404-404"})
                    : one_of(std::array{"500", "599", "5xx", "502-504", "500-500"});
    return std::string_view(text).size() == 3 && text[1] != 'x' ? plain_node(text)
                                                                : text_node(text);
  }

  std::string id() {
    return one_of(std::array{"web-v1", "7", "true", "null", "a/b", "x,y", "[x]", "é", "${A}"});
  }

  std::string address() {
    return fmt::format("{}{}",
                       one_of(std::array{"127.0.0.1:", "[::1]:", "app.internal:", "1a:", "[::]:",
                                         "unix:/run/a b", "unix:/run/${X}#", "LOCALHOST:"}),
                       1 + below(65'535));
  }

  std::string network() {
    return one_of(std::array{"10.0.0.0/8", "::1", "::/0", "fd00::/8", "1.2.3.4", "2001:db8::1"});
  }

  std::string name_server() {
    return one_of(std::array{"10.0.0.53", "::1", "127.0.0.1:5353", "[::1]:5353"});
  }

  std::mt19937_64 random_;
};

// As it would be read, but for the places.
inline Node read_of(const DraftNode& draft, TreeMemory& memory) {
  auto entry = [&](const DraftEntry& e) {
    return Entry{read_of(text_node(e.key), memory), read_of(e.value, memory)};
  };
  auto item = [&](const DraftNode& one) { return read_of(one, memory); };
  Node node;
  node.kind = draft.kind;
  node.plain = draft.plain;
  node.text = memory.keep(draft.text);
  node.items = memory.keep_all(draft.items | std::views::transform(item));
  node.entries = memory.keep_all(draft.entries | std::views::transform(entry));
  return node;
}

// Filled and lowered, as a file that says this would be.
inline Model model_of(const DraftNode& draft) {
  TreeMemory memory;
  auto tree = read_of(draft, memory);
  Model model;
  Report report("t", {});
  Places places;
  fill(&model, canonical(), tree, places, report);
  lower(model, places);
  auto findings = report.take();
  INFO(print(draft, Language::Yaml));
  CHECK_MESSAGE(findings.empty(), render(findings));
  return model;
}

}  // namespace cirque::config
