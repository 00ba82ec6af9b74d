#include "config/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cirque::config {
namespace {

// A list of values stands on one line as long as that is not wider than what people read without
// scrolling.
constexpr std::size_t kColumnsMax = 100;
// A key of YAML that stands before its colon on one line has at most 1024 characters (YAML 1.2.2,
// 7.4); escapes count.
constexpr std::size_t kYamlKeyMax = 1000;

struct Character {
  std::uint32_t code;
  std::size_t bytes;
};

// The first of a text that is valid UTF-8. Of what is not, a byte: it is passed on, and refused by
// whoever reads it.
Character first_of(std::string_view text) {
  auto lead = static_cast<unsigned char>(text.front());
  std::size_t bytes = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
  if (bytes == 1 || text.size() < bytes) return {lead, 1};
  std::uint32_t code = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return {lead, 1};
    code = code << 6 | (byte & 0x3fU);
  }
  return {code, bytes};
}

// What the reader refuses to see in a file (prefilter.cpp), so that it must be escaped.
bool is_hidden(Character c) {
  if (c.code < 0x20 || c.code == 0x7f) return true;
  if (c.bytes == 1) return false;
  return c.code <= 0x9f || c.code == 0x2028 || c.code == 0x2029 || c.code == 0xfeff ||
         (c.code & 0xfffe) == 0xfffe;
}

bool has_hidden(std::string_view text) {
  while (!text.empty()) {
    auto c = first_of(text);
    if (is_hidden(c)) return true;
    text.remove_prefix(c.bytes);
  }
  return false;
}

std::string escape_of(std::uint32_t code, Language language) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  if (code <= 0xffff) return fmt::format("\\u{:04X}", code);
  if (language != Language::Json) return fmt::format("\\U{:08X}", code);
  auto beyond = code - 0x10000;
  return fmt::format("\\u{:04X}\\u{:04X}", 0xd800 + (beyond >> 10), 0xdc00 + (beyond & 0x3ff));
}

bool is_scalar(const DraftNode& node) {
  return node.kind == DraftNode::Kind::Scalar || node.kind == DraftNode::Kind::Null;
}

// Can it stand on one line?
bool is_flat(const DraftNode& node) {
  return node.kind == DraftNode::Kind::List && std::ranges::all_of(node.items, is_scalar);
}

// "[a, b]", with `print` for each.
template <class Print>
std::string on_one_line(const DraftNode& list, Print print_item) {
  std::string out = "[";
  for (const auto& item : list.items) {
    if (out.size() > 1) out += ", ";
    out += print_item(item);
  }
  return out + "]";
}

// --- YAML ---------------------------------------------------------------------------------------

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Would some reader of YAML, of 1.1 or 1.2, take it for a number or a date?
bool is_like_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  bool starts_so = !text.empty() &&
                   (is_digit(text[0]) || (text[0] == '.' && text.size() > 1 && is_digit(text[1])));
  if (!starts_so) return false;
  bool has_base = text[0] == '0' && text.size() > 1 && std::string_view("xXoObB").contains(text[1]);
  if (has_base) return true;
  bool is_date = text.size() > 5 && std::ranges::all_of(text.substr(0, 4), is_digit) &&
                 text[4] == '-' && is_digit(text[5]);
  // 1_000, 1e+3, and 10:30, which YAML 1.1 counts to the base of 60.
  bool is_number =
      text.find_first_not_of("0123456789_.:eE+-") == text.npos && std::ranges::count(text, '.') < 2;
  return is_date || is_number;
}

// Would some reader of YAML take it for true, nothing, or a sign of the language?
bool is_reserved(std::string_view text) {
  static constexpr std::array<std::string_view, 16> kWords = {
      "null", "~", "true", "false", "yes",  "no", "on", "off",
      "y",    "n", ".inf", "+.inf", ".nan", "<<", "=",  "..."};
  auto word = base::lowered(text);
  return std::ranges::find(kWords, word) != kWords.end();
}

enum class Around : std::uint8_t { Block, Flow };

bool is_plain_yaml(std::string_view text, Around around) {
  constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@` ";
  if (text.empty() || kIndicators.contains(text.front())) return false;
  if (text.ends_with(' ') || text.ends_with(':')) return false;
  if (text.contains(": ") || text.contains(" #")) return false;
  // Within brackets a colon alone is enough for many a reader to see a map.
  if (around == Around::Flow && text.find_first_of(",[]{}:") != text.npos) return false;
  return !is_like_number(text) && !is_reserved(text);
}

std::string yaml_scalar(const DraftNode& node, Around around) {
  if (node.kind == DraftNode::Kind::Null) return "null";
  if (node.plain) return node.text;
  if (has_hidden(node.text)) return quoted(node.text, Language::Yaml);
  if (is_plain_yaml(node.text, around)) return node.text;
  // libfyaml 0.7.12 takes two quotes in a row, doubled within single quotes, for something else.
  if (node.text.contains("''")) return quoted(node.text, Language::Yaml);
  std::string out = "'";
  for (char c : node.text) out.append(c == '\'' ? 2 : 1, c);
  return out + "'";
}

class Yaml {
 public:
  std::string top(const DraftNode& tree) {
    if (tree.kind == DraftNode::Kind::Map && !tree.entries.empty()) {
      map(tree, 0, false, "\n");
    } else {
      value(tree, 0);
      out_.erase(0, 1);  // the space before a value
    }
    return std::move(out_);
  }

 private:
  // `is_begun`: the first entry goes on on the line of a dash.
  void map(const DraftNode& node, std::size_t indent, bool is_begun,
           std::string_view between = {}) {
    bool is_first = true;
    for (const auto& [key, child] : node.entries) {
      if (!is_first) out_ += between;
      if (!is_first || !is_begun) out_.append(indent, ' ');
      is_first = false;
      auto name = yaml_scalar(text_node(key), Around::Block);
      if (name.size() > kYamlKeyMax) {
        out_.append("? ").append(name).append("\n").append(indent, ' ');
        name.clear();
      }
      out_.append(name).append(":");
      value(child, indent);
    }
  }

  // With the end of the line. `indent` is that of its key or dash.
  void value(const DraftNode& node, std::size_t indent) {
    if (is_scalar(node)) {
      out_.append(" ").append(yaml_scalar(node, Around::Block)).append("\n");
    } else if (node.kind == DraftNode::Kind::List) {
      list(node, indent);
    } else if (node.entries.empty()) {
      out_ += " {}\n";
    } else {
      out_ += '\n';
      map(node, indent + kStep, false);
    }
  }

  void list(const DraftNode& node, std::size_t indent) {
    if (is_flat(node)) {
      auto line = on_one_line(node, [](auto& item) { return yaml_scalar(item, Around::Flow); });
      if (column() + 1 + line.size() <= kColumnsMax) {
        out_.append(" ").append(line).append("\n");
        return;
      }
    }
    out_ += '\n';
    for (const auto& child : node.items) item(child, indent + kStep);
  }

  void item(const DraftNode& node, std::size_t indent) {
    out_.append(indent, ' ').append("-");
    bool is_map = node.kind == DraftNode::Kind::Map && !node.entries.empty();
    if (!is_map) return value(node, indent);
    out_ += ' ';
    map(node, indent + kStep, true);
  }

  std::size_t column() const {
    auto end = out_.rfind('\n');
    return end == out_.npos ? out_.size() : out_.size() - end - 1;
  }

  static constexpr std::size_t kStep = 2;
  std::string out_;
};

// --- JSON ---------------------------------------------------------------------------------------

std::string json_scalar(const DraftNode& node) {
  if (node.kind == DraftNode::Kind::Null) return "null";
  return node.plain ? node.text : quoted(node.text, Language::Json);
}

class Json {
 public:
  std::string top(const DraftNode& tree) {
    value(tree, 0);
    return std::move(out_) + "\n";
  }

 private:
  void value(const DraftNode& node, std::size_t indent) {
    if (is_scalar(node)) {
      out_ += json_scalar(node);
    } else if (node.kind == DraftNode::Kind::List) {
      list(node, indent);
    } else {
      map(node, indent);
    }
  }

  void map(const DraftNode& node, std::size_t indent) {
    out_ += '{';
    for (const auto& entry : node.entries) {
      start(&entry != &node.entries.front(), indent + kStep);
      out_.append(quoted(entry.key, Language::Json)).append(": ");
      value(entry.value, indent + kStep);
    }
    end(node.entries.empty(), indent);
    out_ += '}';
  }

  void list(const DraftNode& node, std::size_t indent) {
    if (is_flat(node)) {
      auto line = on_one_line(node, json_scalar);
      if (out_.size() - out_.rfind('\n') + line.size() <= kColumnsMax) {
        out_ += line;
        return;
      }
    }
    out_ += '[';
    for (const auto& item : node.items) {
      start(&item != &node.items.front(), indent + kStep);
      value(item, indent + kStep);
    }
    end(node.items.empty(), indent);
    out_ += ']';
  }

  void start(bool has_one_before, std::size_t indent) {
    out_.append(has_one_before ? ",\n" : "\n").append(indent, ' ');
  }

  void end(bool is_empty, std::size_t indent) {
    if (!is_empty) out_.append("\n").append(indent, ' ');
  }

  static constexpr std::size_t kStep = 2;
  std::string out_;
};

// --- TOML ---------------------------------------------------------------------------------------

std::string toml_key(std::string_view key) {
  bool is_bare = !key.empty() && std::ranges::all_of(key, [](char c) {
    auto low = base::lower(c);
    return is_digit(c) || (low >= 'a' && low <= 'z') || c == '_' || c == '-';
  });
  return is_bare ? std::string(key) : quoted(key, Language::Toml);
}

bool is_toml_tables(const DraftNode& node) {
  return node.kind == DraftNode::Kind::List && !node.items.empty() &&
         std::ranges::all_of(node.items,
                             [](auto& item) { return item.kind == DraftNode::Kind::Map; });
}

// Does it have a header of its own, rather than a place behind "key = "?
bool has_header(const DraftNode& node) {
  return node.kind == DraftNode::Kind::Map || is_toml_tables(node);
}

// TOML 1.0 has no nothing: an empty text, which no key takes for anything else, says so.
std::string toml_inline(const DraftNode& node) {
  if (node.kind == DraftNode::Kind::List) return on_one_line(node, toml_inline);
  if (node.kind != DraftNode::Kind::Map) {
    return node.plain ? node.text : quoted(node.text, Language::Toml);
  }
  std::string out = "{";
  for (const auto& [key, child] : node.entries) {
    out += fmt::format("{} {} = {}", out.size() > 1 ? "," : "", toml_key(key), toml_inline(child));
  }
  return out + " }";
}

class Toml {
 public:
  std::string top(const DraftNode& tree) {
    table(tree, {});
    return std::move(out_);
  }

 private:
  // A value behind a header would belong to that, so values come first.
  void table(const DraftNode& node, const std::string& path) {
    for (const auto& [key, child] : node.entries) {
      if (!has_header(child)) value(toml_key(key), child);
    }
    for (const auto& [key, child] : node.entries) {
      auto name = toml_key(key);
      auto below = path.empty() ? name : fmt::format("{}.{}", path, name);
      if (child.kind == DraftNode::Kind::Map) {
        if (!is_implied(child)) header("[", below, "]");
        table(child, below);
      } else if (has_header(child)) {
        for (const auto& item : child.items) {
          header("[[", below, "]]");
          table(item, below);
        }
      }
    }
  }

  // [a.b] says that there is an a.
  static bool is_implied(const DraftNode& map) {
    return !map.entries.empty() &&
           std::ranges::all_of(map.entries, [](auto& entry) { return has_header(entry.value); });
  }

  void value(const std::string& key, const DraftNode& node) {
    auto line = fmt::format("{} = {}", key, toml_inline(node));
    if (!is_flat(node) || line.size() <= kColumnsMax) {
      out_.append(line).append("\n");
      return;
    }
    out_ += fmt::format("{} = [\n", key);
    for (const auto& item : node.items) out_ += fmt::format("  {},\n", toml_inline(item));
    out_ += "]\n";
  }

  void header(std::string_view open, const std::string& path, std::string_view close) {
    out_ += fmt::format("{}{}{}{}\n", out_.empty() ? "" : "\n", open, path, close);
  }

  std::string out_;
};

DraftNode node_of(DraftNode::Kind kind) {
  DraftNode node;
  node.kind = kind;
  return node;
}

}  // namespace

std::string print(const DraftNode& tree, Language language) {
  switch (language) {
    case Language::Json:
      return Json().top(tree);
    case Language::Toml:
      return Toml().top(tree);
    case Language::Yaml:
      break;
  }
  return Yaml().top(tree);
}

std::string quoted(std::string_view text, Language language) {
  std::string out = "\"";
  while (!text.empty()) {
    auto c = first_of(text);
    bool is_sign = c.code == '"' || c.code == '\\';
    if (is_hidden(c)) {
      out += escape_of(c.code, language);
    } else {
      if (is_sign) out += '\\';
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  return out + "\"";
}

DraftNode map_node() {
  return node_of(DraftNode::Kind::Map);
}

DraftNode list_node() {
  return node_of(DraftNode::Kind::List);
}

DraftNode text_node(std::string text) {
  auto node = node_of(DraftNode::Kind::Scalar);
  node.text = std::move(text);
  return node;
}

DraftNode plain_node(std::string text) {
  auto node = text_node(std::move(text));
  node.plain = true;
  return node;
}

DraftNode& put(DraftNode& map, std::string_view key, DraftNode value) {
  return map.entries.emplace_back(std::string(key), std::move(value)).value;
}

}  // namespace cirque::config
