#include "config/docs.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/reserved.h"
#include "config/values.h"

namespace cirque::config {
namespace {

std::string_view type_name(const Option& option) {
  switch (option.type) {
    case Type::Map:
      return "map";
    case Type::List:
      return "list of maps";
    case Type::Flag:
      return "true or false";
    case Type::Number:
      return "number";
    case Type::Duration:
      return "duration";
    case Type::Milliseconds:
      return "number (milliseconds)";
    case Type::Seconds:
      return "number (seconds)";
    case Type::Size:
      return "size";
    case Type::Text:
    case Type::Prose:
      return "text";
    case Type::Name:
      return "name";
    case Type::Path:
      return "path";
    case Type::Choice:
      return "choice";
    case Type::Listen:
    case Type::Target:
      return "address";
    case Type::Connect:
      return "list of addresses";
    case Type::Names:
      return "list of names";
    case Type::Statuses:
      return "list of statuses";
    case Type::Members:
      return "list of addresses and backends";
    case Type::Table:
      return "map of texts";
    case Type::Keyed:
      return "map of maps";
    case Type::Networks:
      return "list of networks";
    case Type::NameServers:
      return "list of IP addresses";
    case Type::Include:
      return "path, or list of paths";
  }
  return "";
}

// "number; 1 to 100; default 1"
std::string facts_of(const Option& option, std::string_view between) {
  std::vector<std::string> facts;
  facts.emplace_back(type_name(option));
  if (option.type == Type::Choice) {
    facts.push_back(fmt::format("{}", fmt::join(words_of(option.choices), ", ")));
  }
  if (auto bounds = bounds_of(option); !bounds.empty()) facts.push_back(bounds);
  if (option.need == Need::Required) facts.emplace_back("required");
  if (auto preset = canonical().default_of(option); !preset.empty())
    facts.push_back("default " + preset);
  return fmt::format("{}", fmt::join(facts, between));
}

// The sections of the top level, and the maps within them, in the order of the table.
template <class Visit>
void for_each_group(Visit visit) {
  for (const auto& option : canonical().options()) {
    if (is_group(option) || option.parent().empty()) visit(option);
  }
}

constexpr std::string_view kSyntax =
    "The file is YAML, or JSON when its name ends in .json, or TOML when it ends in .toml: "
    "the same keys in each. It may be a folder, whose files are read together. A duration is a "
    "whole number with a "
    "unit (ms, s, "
    "m, h, d), a size a whole number of bytes or one with k, m or g (powers of 1024). ${NAME} is "
    "replaced by "
    "an environment variable, ${NAME:-default} has a default for when it is not set or empty, and "
    "$${ is a "
    "literal ${. `services` are proxies in few words; `listeners`, `virtual_hosts`, `pools` and "
    "what else routes requests say it at length. An unknown key is an error. `cirque validate "
    "FILE` lists every mistake at once.";

constexpr std::string_view kInAnEditor = R"(
## In an editor

`cirque schema > cirque.schema.json` makes a JSON Schema (draft 2020-12) of all keys. An editor that
speaks to yaml-language-server completes, explains and checks by it, if the file begins with a line
that names it:

```yaml
# yaml-language-server: $schema=./cirque.schema.json
```

For TOML with taplo that line is `#:schema ./cirque.schema.json`. JSON has no comments, and a key
`$schema` is one that cirque does not know: there the editor's settings say which schema belongs to
the file, such as `json.schemas` of VS Code. The schema knows the shape of a file. What belongs
together, such as names that must be defined, is for `cirque validate` to say.
)";

std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

void append_markdown_group(std::string& out, const Option& group) {
  out += fmt::format("\n## `{}`\n\n{}\n\n", group.path, group.doc);
  if (!is_group(group)) {
    out += fmt::format("For example `{}: {}`.\n", group.path, group.example);
    return;
  }
  out += "| Key | Type | Bounds | Default | Example | |\n|---|---|---|---|---|---|\n";
  for (const auto* option : canonical().children_of(inside_of(group))) {
    auto bounds = option->type == Type::Choice
                      ? fmt::format("{}", fmt::join(words_of(option->choices), ", "))
                      : bounds_of(*option);
    auto preset =
        option->need == Need::Required ? std::string("required") : canonical().default_of(*option);
    if (!preset.empty() && option->need == Need::Optional) preset = fmt::format("`{}`", preset);
    auto example = option->example.empty() ? std::string() : fmt::format("`{}`", option->example);
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", option->key(), type_name(*option),
                       bounds, preset, cell(example), cell(option->doc));
  }
}

void append_roff_option(std::string& out, const Option& option) {
  out += fmt::format(".TP\n.B {}\n", roff(option.key()));
  if (is_group(option)) {
    out += fmt::format("{}\nSee\n.B {}\nbelow.\n", roff(option.doc), roff(option.path));
  } else {
    out += fmt::format("{}\n({})\n", roff(option.doc), roff(facts_of(option, "; ")));
  }
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = 0;
  for (auto word : words_of(text)) {
    bool fits = column > 0 && column + 1 + word.size() <= width;
    if (fits) {
      out += ' ';
      ++column;
    } else {
      if (column > 0) out += '\n';
      out.append(indent, ' ');
      column = indent;
    }
    out += word;
    column += word.size();
  }
  if (column > 0) out += '\n';
  return out;
}

std::string overview_text() {
  auto out = wrapped(kSyntax, 0);
  for_each_group([&](const Option& group) {
    out += fmt::format("\n{}\n", group.path);
    if (!is_group(group)) out += fmt::format("  {:<24} {}\n", "", facts_of(group, "; "));
    for (const auto* option : canonical().children_of(inside_of(group))) {
      if (!is_group(*option))
        out += fmt::format("  {:<24} {}\n", option->key(), facts_of(*option, "; "));
    }
  });
  out += "\nMore on one of them: cirque help timeouts.drain\n";
  return out;
}

const Option* topic_of(std::string_view path) {
  if (const auto* option = canonical().at(path)) return option;
  const Option* found = nullptr;
  for (const auto& option : canonical().options()) {
    auto tail = option.path.size() > path.size()
                    ? option.path.substr(option.path.size() - path.size() - 1)
                    : std::string_view();
    bool ends_so = tail.starts_with('.') && tail.substr(1) == path;
    if (!ends_so) continue;
    if (found) return nullptr;  // "path" alone could be several
    found = &option;
  }
  return found;
}

std::string option_text(const Option& option) {
  auto out = fmt::format("{}\n\n{}", option.path, wrapped(option.doc, 2));
  if (!is_group(option)) {
    out += fmt::format("\n  {}\n", facts_of(option, "\n  "));
    if (!option.example.empty()) out += fmt::format("\n  {}: {}\n", option.key(), option.example);
    return out;
  }
  for (const auto* child : canonical().children_of(inside_of(option))) {
    out += fmt::format("\n  {}\n", child->key());
    out += wrapped(child->doc, 6);
    if (!is_group(*child)) out += wrapped(fmt::format("({})", facts_of(*child, "; ")), 6);
  }
  return out;
}

std::string codes_text() {
  std::string out;
  for (const auto& e : explanations()) out += fmt::format("{}  {}\n", text_of(e.code), e.title);
  return out + "\nMore on one of them: cirque help CQ1203\n";
}

std::string explanation_text(const Explanation& e) {
  auto out = fmt::format("{}: {}\n\n{}", text_of(e.code), e.title, wrapped(e.text, 0));
  auto quote = [&](std::string_view heading, std::string_view example) {
    if (example.empty()) return;
    out += fmt::format("\n{}:\n", heading);
    while (!example.empty()) {
      auto end = example.find('\n');
      out += fmt::format("    {}\n", example.substr(0, end));
      example.remove_prefix(end == example.npos ? example.size() : end + 1);
    }
  };
  quote("Instead of", e.wrong);
  quote("write", e.right);
  return out;
}

std::string markdown() {
  std::string out =
      "# Configuration\n\n<!-- Made by `cirque help config --markdown` from "
      "src/config/model_*.cpp: "
      "change it there. -->\n\n";
  out += wrapped(kSyntax, 0, 100);
  out +=
      "\nThe least that works:\n\n```yaml\nservices:\n  - name: web\n    bind_address: "
      "'0.0.0.0:8080'\n"
      "    upstreams: ['127.0.0.1:3000']\n```\n\n"
      "Where a setting has an environment variable or a flag of its own, the flag goes before the "
      "variable, and\nthe variable before the file.\n";
  out += kInAnEditor;
  for_each_group([&](const Option& group) { append_markdown_group(out, group); });
  out +=
      "\n## Kept for later\n\nThese have their places, and do nothing yet: a file with one of them "
      "is "
      "refused (CQ1417).\n\n";
  for (const auto& one : reserved()) out += fmt::format("- `{}`: {}\n", one.path, one.doc);
  out +=
      "\n## Findings\n\nWhat `cirque validate` may report; `cirque help CQ1203` tells more.\n\n"
      "| Code | |\n|---|---|\n";
  for (const auto& e : explanations())
    out += fmt::format("| {} | {} |\n", text_of(e.code), cell(e.title));
  return out;
}

std::string man_page(std::string_view version) {
  auto out = fmt::format(
      ".\\\" Made by `cirque help config --man`.\n.TH CIRQUE.YAML 5 \"\" \"cirque {}\" \"File "
      "formats\"\n"
      ".SH NAME\ncirque.yaml \\- configuration of the cirque reverse proxy\n.SH DESCRIPTION\n{}\n",
      roff(version), roff(kSyntax));
  for_each_group([&](const Option& group) {
    out += fmt::format(".SH {}\n{}\n", roff(group.path), roff(group.doc));
    for (const auto* option : canonical().children_of(inside_of(group)))
      append_roff_option(out, *option);
  });
  out +=
      ".SH EXAMPLE\n.nf\nservices:\n  \\- name: web\n    bind_address: \\(aq0.0.0.0:8080\\(aq\n"
      "    upstreams: [\\(aq127.0.0.1:3000\\(aq]\n.fi\n.SH SEE ALSO\n.BR cirque (8)\n";
  return out;
}

std::string roff(std::string_view text) {
  std::string out;
  bool starts_line = true;
  for (char c : text) {
    if (starts_line && (c == '.' || c == '\'')) out += "\\&";
    starts_line = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace cirque::config
