#include "config/yaml_wording.h"

namespace cirque::config {
namespace {

struct Row {
  std::string_view theirs;
  Wording ours;
};

constexpr std::string_view kJsonValue =
    "a text in double quotes, a number, true, false, null, [a list] or {\"a\": \"map\"}, and a "
    "comma "
    "between two of them";

constexpr Row kRows[] = {
    {"Multi line plain scalars not supported in JSON mode",
     {"a comma or a closing bracket is missing behind this", kJsonValue}},
    {"Invalid JSON plain scalar", {"this is no JSON value", kJsonValue}},
    {"JSON does not allow empty values in a mapping",
     {"this key has no value", "a colon and a value: \"key\": 1", true}},
    {"single quoted scalars not supported in JSON mode",
     {"a text stands in double quotes in JSON", "\"text\""}},
    {"missing comma in flow mapping",
     {"a comma is missing in front of this", "{key: value, key: value}", true}},
    {"missing comma in flow sequence",
     {"a comma is missing in front of this", "[value, value]", true}},
};

}  // namespace

Wording wording_of(std::string_view theirs) noexcept {
  for (const auto& row : kRows) {
    if (row.theirs == theirs) return row.ours;
  }
  return {theirs};
}

}  // namespace cirque::config
