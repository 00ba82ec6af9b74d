#include "config/json_schema.h"

#include <fmt/format.h>

#include "base/text.h"
#include "config/options.h"
#include "config/print.h"
#include "config/statuses.h"

namespace cirque::config {
namespace {

// ECMA-262, and what Python makes of it: no look-ahead, no classes with names.
constexpr std::string_view kDuration =
    "^([0-9]+(\\.[0-9]+)?d)?([0-9]+(\\.[0-9]+)?h)?([0-9]+(\\.[0-9]+)?m)?([0-9]+(\\.[0-9]+)?s)?"
    "([0-9]+ms)?$";
constexpr std::uint64_t kDurationMin = 2;  // characters: the pattern alone takes nothing, too
constexpr std::string_view kSize = "^(0|[1-9][0-9]*)[kmgKMG]?$";
constexpr std::string_view kAddress = "^(unix:.+|.+:[0-9]{1,5})$";
constexpr std::string_view kNetwork = "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$";
constexpr std::string_view kNameServer = "^[\\[\\]0-9A-Fa-f:.]+$";
constexpr std::string_view kNoControls = "^[^\\u0000-\\u001f\\u007f]*$";
constexpr std::string_view kNoSpaces = "^[^\\u0000-\\u0020\\u007f]*$";
constexpr std::string_view kLines = "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$";

void put_text(DraftNode& map, std::string_view key, std::string_view text) {
  put(map, key, text_node(std::string(text)));
}

void put_number(DraftNode& map, std::string_view key, std::uint64_t number) {
  put(map, key, plain_node(fmt::format("{}", number)));
}

DraftNode of_type(std::string_view type) {
  auto node = map_node();
  put_text(node, "type", type);
  return node;
}

DraftNode text_like(std::string_view pattern) {
  auto node = of_type("string");
  put_text(node, "pattern", pattern);
  return node;
}

DraftNode integer(std::uint64_t min, std::uint64_t max) {
  auto node = of_type("integer");
  put_number(node, "minimum", min);
  put_number(node, "maximum", max);
  return node;
}

std::string statuses_of(const Option& option) {
  auto digit = option.min / 100 == option.max / 100
                   ? fmt::format("{}", option.min / 100)
                   : fmt::format("[{}-{}]", option.min / 100, option.max / 100);
  return fmt::format("^({0}xx|{0}[0-9][0-9](-{0}[0-9][0-9])?)$", digit);
}

// Lengths count in characters here and in bytes at the door: never too narrow.
DraftNode text_of(const Option& option, std::string_view pattern) {
  auto node = text_like(pattern);
  put_number(node, "minLength", option.min);
  put_number(node, "maxLength", option.max);
  return node;
}

DraftNode duration() {
  auto node = text_like(kDuration);
  put_number(node, "minLength", kDurationMin);
  return node;
}

DraftNode choice(const Option& option) {
  constexpr std::uint64_t kNumberMax = 999;
  auto words = list_node();
  for (auto word : words_of(option.choices)) words.items.push_back(text_node(std::string(word)));
  // 503 without quotes is as good.
  for (auto word : words_of(option.choices)) {
    if (base::parse_number(word, kNumberMax)) words.items.push_back(plain_node(std::string(word)));
  }
  auto node = map_node();
  put(node, "enum", std::move(words));
  return node;
}

DraftNode any_of(DraftNode one, DraftNode other) {
  auto both = list_node();
  both.items.push_back(std::move(one));
  both.items.push_back(std::move(other));
  auto node = map_node();
  put(node, "anyOf", std::move(both));
  return node;
}

// The environment can fill any value, which then is a text in the file.
DraftNode or_variable(DraftNode node) {
  auto variable = map_node();
  put_text(variable, "$ref", "#/$defs/variable");
  return any_of(std::move(node), std::move(variable));
}

DraftNode list_of(DraftNode item) {
  auto node = of_type("array");
  put(node, "items", std::move(item));
  return node;
}

DraftNode map_of(DraftNode value) {
  auto node = of_type("object");
  put(node, "additionalProperties", std::move(value));
  return node;
}

DraftNode described(const Option& option);

// What may stand in a map, or in an item of a list.
void put_keys(DraftNode& node, std::string_view table) {
  auto properties = map_node();
  auto required = list_node();
  for (const auto* option : canonical().children_of(table)) {
    put(properties, option->key(), described(*option));
    if (option->need == Need::Required) {
      required.items.push_back(text_node(std::string(option->key())));
    }
  }
  put(node, "properties", std::move(properties));
  if (!required.items.empty()) put(node, "required", std::move(required));
  put(node, "additionalProperties", plain_node("false"));
}

DraftNode object(std::string_view table) {
  auto node = of_type("object");
  put_keys(node, table);
  return node;
}

// A map without a value has its defaults.
DraftNode map(const Option& option) {
  auto types = list_node();
  types.items = {text_node("object"), text_node("null")};
  auto node = map_node();
  put(node, "type", std::move(types));
  put_keys(node, option.path);
  return node;
}

DraftNode list(const Option& option) {
  auto node = list_of(object(inside_of(option)));
  put_number(node, "minItems", 1);
  return node;
}

DraftNode shape(const Option& option) {
  switch (option.type) {
    case Type::Map:
      return map(option);
    case Type::List:
      return list(option);
    case Type::Keyed:
      return map_of(object(inside_of(option)));
    case Type::Flag:
      return or_variable(of_type("boolean"));
    case Type::Number:
    case Type::Milliseconds:
      return or_variable(integer(option.min, option.max));
    case Type::Seconds:
      return or_variable(integer(option.min / 1000, option.max / 1000));
    case Type::Duration:
      return or_variable(duration());
    case Type::Size: {
      auto node = or_variable(integer(option.min, option.max));
      node.entries.front().value.items.push_back(text_like(kSize));
      return node;
    }
    case Type::Text:
    case Type::Path:
      return or_variable(text_of(option, kNoControls));
    case Type::Prose:
      return or_variable(text_of(option, kLines));
    case Type::Name:
      return or_variable(text_of(option, kNoSpaces));
    case Type::Choice:
      return or_variable(choice(option));
    case Type::Listen:
    case Type::Target:
      return or_variable(text_like(kAddress));
    case Type::Connect:
      return list_of(or_variable(text_like(kAddress)));
    case Type::Members:
      return list_of(or_variable(text_like(kNoControls)));
    case Type::Networks:
      return list_of(or_variable(text_like(kNetwork)));
    case Type::NameServers:
      return list_of(or_variable(text_like(kNameServer)));
    case Type::Statuses: {
      auto node = or_variable(integer(option.min, option.max));
      node.entries.front().value.items.push_back(text_like(statuses_of(option)));
      return list_of(std::move(node));
    }
    case Type::Names:
      return list_of(or_variable(text_of(option, kNoSpaces)));
    case Type::Table:
      return map_of(or_variable(text_of(option, kNoControls)));
    case Type::Include:
      return any_of(of_type("string"), list_of(of_type("string")));
  }
  return map_node();
}

// The bounds that no pattern can say.
std::string description_of(const Option& option) {
  bool has_unit = option.type == Type::Duration || option.type == Type::Size;
  if (!has_unit) return std::string(option.doc);
  return fmt::format("{} ({})", option.doc, bounds_of(option));
}

DraftNode described(const Option& option) {
  auto node = map_node();
  put_text(node, "description", description_of(option));
  auto preset = canonical().default_of(option);
  if (!preset.empty()) {
    put(node, "default",
        is_plain(option, preset) ? plain_node(std::move(preset)) : text_node(std::move(preset)));
  }
  for (auto& entry : shape(option).entries) node.entries.push_back(std::move(entry));
  return node;
}

DraftNode definitions() {
  auto variable = text_like("\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}");
  put_text(variable, "description", "With an environment variable: ${NAME} or ${NAME:-default}.");
  auto node = map_node();
  put(node, "variable", std::move(variable));
  return node;
}

}  // namespace

std::string json_schema() {
  auto node = map_node();
  put_text(node, "$schema", "https://json-schema.org/draft/2020-12/schema");
  put_text(node, "title", "The configuration of cirque");
  put_text(node, "type", "object");
  put_keys(node, "");
  put(node, "$defs", definitions());
  return print(node, Language::Json);
}

}  // namespace cirque::config
