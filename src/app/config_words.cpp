#include "app/config_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace cirque::app {
namespace {

struct Row {
  ConfigAction action;
  std::string_view name;
  std::string_view arguments;  // the numbers of versions
  std::size_t count;           // of them
  bool has_json;
};

constexpr Row kRows[] = {
    {ConfigAction::History, "history", "", 0, true},
    {ConfigAction::Show, "show", " N", 1, true},
    {ConfigAction::Diff, "diff", " A B", 2, true},
    {ConfigAction::Rollback, "rollback", " N", 1, false},
};

std::string usage() {
  std::string out;
  for (const auto& row : kRows)
    out += fmt::format("{}cirque config {}{}", out.empty() ? "" : ", ", row.name, row.arguments);
  return out;
}

Misuse unknown(std::string_view word) {
  std::vector<std::string_view> names;
  for (const auto& row : kRows) names.push_back(row.name);
  auto meant = nearest(word, names);
  return {fmt::format("config does not know '{}'", word),
          meant.empty() ? usage() : fmt::format("did you mean 'cirque config {}'?", meant)};
}

std::optional<Misuse> read_versions(Command& command, std::span<const std::string> words) {
  for (const auto& word : words) {
    // What SQLite can count to.
    auto number = base::parse_number(word, std::numeric_limits<std::int64_t>::max());
    if (!number || *number == 0)
      return Misuse{fmt::format("'{}' is not the number of a version", word),
                    "cirque config history lists them"};
    command.versions.push_back(*number);
  }
  return std::nullopt;
}

std::optional<Misuse> check_format(const Command& command, const Row& row) {
  bool is_known = command.format == config::Format::Text ||
                  (command.format == config::Format::Json && row.has_json);
  if (is_known) return std::nullopt;
  return Misuse{fmt::format("config {} cannot be printed in this format; expected text{}", row.name,
                            row.has_json ? " or json" : ""),
                {}};
}

}  // namespace

std::optional<Misuse> read_config_words(Command& command, const std::vector<std::string>& words) {
  if (words.empty()) return Misuse{"config needs to know what to do", usage()};
  const auto* row = std::ranges::find(kRows, words[0], &Row::name);
  if (row == std::end(kRows)) return unknown(words[0]);
  command.config_action = row->action;
  if (command.lines && row->action != ConfigAction::Diff)
    return Misuse{"--lines goes with diff alone", {}};
  if (command.write && row->action != ConfigAction::Rollback)
    return Misuse{"--write goes with rollback alone", {}};
  if (words.size() != row->count + 1)
    return Misuse{fmt::format("config {} takes {} argument{}", row->name,
                              row->count == 0 ? "no" : fmt::format("{}", row->count),
                              row->count == 1 ? "" : "s"),
                  fmt::format("cirque config {}{}", row->name, row->arguments)};
  if (auto misuse = check_format(command, *row)) return misuse;
  return read_versions(command, std::span(words).subspan(1));
}

}  // namespace cirque::app
