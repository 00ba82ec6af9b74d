#include "config/toml.h"

#include <fmt/format.h>

// Its own copy of the parser, without exceptions: the library of the system is built with them.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>

#include "config/expansion.h"
#include "config/toml_guard.h"

namespace cirque::config {
namespace {

std::size_t byte_of(std::string_view line, std::size_t column) {
  std::size_t at = 0;
  for (; at < line.size(); ++at) {
    bool starts = (static_cast<unsigned char>(line[at]) & 0xc0) != 0x80;
    if (starts && --column == 0) break;
  }
  return at;
}

std::string_view line_of(std::string_view text, unsigned number) {
  for (unsigned line = 1; line < number; ++line) {
    auto end = text.find('\n');
    if (end == text.npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

class Tree {
 public:
  Tree(std::string_view text, unsigned file, Intake& intake)
      : text_(text), file_(file), intake_(intake) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') lines_.push_back(i + 1);
    }
  }

  // A Null node when it is too big.
  Node root(const toml::table& table) {
    auto node = map(table, 1);
    return too_big_ ? Node{} : node;
  }

 private:
  Node value(const toml::node& from, std::size_t depth) {
    if (const auto* table = from.as_table()) return map(*table, depth);
    if (const auto* array = from.as_array()) return list(*array, depth);
    return scalar(from);
  }

  Node map(const toml::table& table, std::size_t depth) {
    Node node;
    node.kind = Node::Kind::Map;
    if (!start(node, table.source(), depth)) return node;
    std::vector<Entry> entries;
    entries.reserve(table.size());
    for (auto&& [key, child] : table) {
      Node name;
      name.kind = Node::Kind::Scalar;
      name.text = intake_.memory.keep(key.str());
      if (!start(name, key.source(), 0)) return node;
      refuse_hidden_controls(name, intake_.report);
      entries.push_back({name, value(child, depth + 1)});
      if (too_big_) return node;
    }
    // toml++ keeps them by name.
    std::ranges::sort(entries, {}, [](const Entry& entry) {
      return std::pair(entry.key.spot.line, entry.key.spot.column);
    });
    node.entries = intake_.memory.keep_all(entries);
    return node;
  }

  Node list(const toml::array& array, std::size_t depth) {
    Node node;
    node.kind = Node::Kind::List;
    if (!start(node, array.source(), depth)) return node;
    std::vector<Node> items;
    items.reserve(array.size());
    for (auto&& item : array) {
      items.push_back(value(item, depth + 1));
      if (too_big_) return node;
    }
    node.items = intake_.memory.keep_all(items);
    return node;
  }

  Node scalar(const toml::node& from) {
    Node node;
    node.kind = Node::Kind::Scalar;
    if (!start(node, from.source(), 0)) return node;
    if (const auto* text = from.as_string()) {
      node.text = intake_.memory.keep(text->get());
      expand(node, intake_);
      refuse_hidden_controls(node, intake_.report);
      return node;
    }
    node.plain = true;
    if (const auto* number = from.as_integer()) {
      // 0xff and 1_000 are decimal from here on.
      node.text = intake_.memory.keep(fmt::format("{}", number->get()));
    } else if (const auto* flag = from.as_boolean()) {
      node.text = flag->get() ? "true" : "false";
    } else {
      node.text = intake_.memory.keep(written(from.source()));
    }
    return node;
  }

  // False: too big, and told.
  bool start(Node& node, const toml::source_region& region, std::size_t depth) {
    node.spot = spot_of(region);
    if (depth > kDepthMax) {
      intake_.report.add(Code::TooBig, node.spot, {},
                         fmt::format("nested more than {} levels deep", kDepthMax));
      too_big_ = true;
    } else if (!intake_.count(node.spot)) {
      too_big_ = true;
    }
    return !too_big_;
  }

  Spot spot_of(const toml::source_region& region) const {
    bool is_one_line = region.begin.line == region.end.line;
    auto width = is_one_line && region.end.column > region.begin.column
                     ? region.end.column - region.begin.column
                     : 1U;
    return {
        .line = region.begin.line, .column = region.begin.column, .width = width, .file = file_};
  }

  // Of a number with a fraction or a date: as the file has it.
  std::string_view written(const toml::source_region& region) const {
    if (region.begin.line == 0 || region.begin.line > lines_.size()) return {};
    auto rest = text_.substr(lines_[region.begin.line - 1]);
    auto width = spot_of(region).width;  // all of it is ASCII
    return rest.substr(byte_of(rest, region.begin.column), width);
  }

  std::string_view text_;
  std::vector<std::size_t> lines_{0};
  unsigned file_;
  Intake& intake_;
  bool too_big_ = false;
};

// Says an error of toml++ in our words.
class SyntaxError {
 public:
  SyntaxError(const toml::parse_error& error, std::string_view text, unsigned file)
      : line_(line_of(text, error.source().begin.line)),
        message_(error.description()),
        spot_{.line = error.source().begin.line,
              .column = error.source().begin.column,
              .file = file} {
    constexpr std::string_view kWhile = "Error while parsing ";
    if (auto colon = message_.find(": "); message_.starts_with(kWhile) && colon != message_.npos) {
      message_.remove_prefix(colon + 2);
    }
  }

  void tell(Report& report) {
    if (message_.starts_with("cannot redefine existing")) return tell_duplicate(report);
    // No control character but a line break comes past the prefilter.
    if (message_.starts_with("unescaped control characters")) {
      message_ = "the text does not end on its line: a quote is missing";
    }
    auto& finding = report.add(Code::Syntax, spot_, {}, std::string(message_));
    if (message_.starts_with("could not determine value type")) {
      finding.expected = "a text in quotes, a number, true, false, [a list] or {a = 'table'}";
    }
  }

 private:
  // "cannot redefine existing integer 'a'", told where the value begins, or the table's header.
  void tell_duplicate(Report& report) {
    auto open = message_.find('\'');
    auto close = message_.rfind('\'');
    auto name = open < close ? message_.substr(open + 1, close - open - 1) : message_;
    // Of a key in quotes toml++ repeats more than its name.
    if (auto quote = name.substr(0, 1); quote == "'" || quote == "\"") {
      name = name.substr(1, name.find(quote, 1) - 1);
    }
    auto before = line_.substr(0, byte_of(line_, spot_.column));
    bool is_header = before.find_first_not_of(" \t") == before.npos;
    auto at = is_header ? line_.find(name, before.size()) : before.rfind(name);
    if (at != line_.npos) {
      spot_.column = characters_of(line_.substr(0, at)) + 1;
      spot_.width = characters_of(name);
    }
    report.add(Code::DuplicateKey, spot_, {}, fmt::format("'{}' stands here a second time", name))
        .expected = "every key and every table once; [[name]] adds to a list";
  }

  static unsigned characters_of(std::string_view text) {
    return static_cast<unsigned>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  }

  std::string_view line_;
  std::string_view message_;
  Spot spot_;
};

}  // namespace

Node read_toml(std::string_view text, unsigned file, Intake& intake) {
  if (!is_safe_toml(text, file, intake.report)) return {};
  auto parsed = toml::parse(text);
  if (!parsed) {
    SyntaxError(parsed.error(), text, file).tell(intake.report);
    return {};
  }
  if (parsed.table().empty()) return {};  // as an empty file of YAML
  return Tree(text, file, intake).root(parsed.table());
}

}  // namespace cirque::config
