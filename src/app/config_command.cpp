#include "app/config_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "app/orders.h"
#include "app/terminal.h"
#include "app/utc.h"
#include "app/versions.h"
#include "base/json.h"
#include "cirque/result.h"
#include "config/diff.h"
#include "config/history.h"
#include "config/line_diff.h"

namespace cirque::app {
namespace {

using config::History;
using config::Source;
using config::Version;

// --- for programs -------------------------------------------------------------------------------

// All but the end, for what comes behind.
std::string json_head(const Version& v) {
  return fmt::format(R"({{"number":{},"time":{},"hash":{},"source":{},"note":{},"trial":{})",
                     v.number, base::json_string(rfc3339(v.unix_time)), base::json_string(v.hash),
                     base::json_string(v.source), base::json_string(v.note), v.is_trial);
}

std::string history_json(const std::vector<Version>& versions) {
  std::vector<std::string> rows;
  for (const auto& version : versions) rows.push_back(json_head(version) + "}");
  return fmt::format("{{\"versions\":[{}]}}\n", fmt::join(rows, ","));
}

std::string version_json(const Version& version) {
  std::vector<std::string> files;
  for (const auto& source : version.sources) {
    if (source.is_folder()) continue;
    files.push_back(fmt::format(R"({{"path":{},"text":{}}})", base::json_string(source.path),
                                base::json_string(source.text)));
  }
  return fmt::format("{},\"files\":[{}]}}\n", json_head(version), fmt::join(files, ","));
}

// --- for people ---------------------------------------------------------------------------------

using Cells = std::vector<std::string>;

// Escaped: a note is whatever somebody sent, and must not steer the terminal.
std::string plain(std::string_view text) {
  std::string out;
  base::append_json(out, text);
  return out;
}

Cells cells_of(const Version& v) {
  return {fmt::format("{}", v.number), utc(v.unix_time, "%Y-%m-%d %H:%M:%S"), plain(v.short_hash()),
          plain(v.source) + (v.is_trial ? " (on trial)" : ""), plain(v.note)};
}

// In characters, which UTF-8 has one leading byte for.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string aligned(const std::vector<Cells>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
    out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return out;
}

std::string history_table(const std::vector<Version>& versions) {
  std::vector<Cells> rows = {{"NUMBER", "TIME (UTC)", "HASH", "SOURCE", "NOTE"}};
  for (const auto& version : versions) rows.push_back(cells_of(version));
  return aligned(rows);
}

std::string files_text(const Version& version) {
  if (version.sources.size() == 1) return version.sources[0].text;
  std::string out;
  for (const auto& source : version.sources) {
    if (source.is_folder()) continue;
    if (!out.empty() && !out.ends_with('\n')) out += '\n';
    out += fmt::format("# --- {}\n{}", source.path, source.text);
  }
  return out;
}

const Source* file_called(std::string_view path, const Version& version) {
  auto found = std::ranges::find(version.sources, path, &Source::path);
  return found == version.sources.end() ? nullptr : &*found;
}

// Also of a file that one of them does not have, but not of none.
std::string file_diff(const Version& a, const Version& b, std::string_view path) {
  const auto* before = file_called(path, a);
  const auto* after = file_called(path, b);
  auto name = [&](const Source* file, const Version& version) {
    return file ? fmt::format("{} (version {})", path, version.number) : "/dev/null";
  };
  return config::line_diff({name(before, a), before ? before->text : ""},
                           {name(after, b), after ? after->text : ""});
}

// The files of the first version, then those that only the second has.
std::string version_diff(const Version& a, const Version& b) {
  std::string out;
  for (const auto& file : a.sources) out += file_diff(a, b, file.path);
  for (const auto& file : b.sources) {
    if (!file_called(file.path, a)) out += file_diff(a, b, file.path);
  }
  return out;
}

config::Loaded loaded_from(const Version& version) {
  return config::load_file(version.sources.front().path, config::process_environment,
                           config::files_of(version.sources));
}

// Its mistakes are not what is asked for.
config::Model model_of(const Command& command) {
  return command.config.empty() ? config::Model() : config::load_file(command.config).model;
}

}  // namespace

std::expected<std::string, std::string> answer_config(const Command& command) {
  auto where = state_dir_of(command.state_dir, model_of(command)).path;
  auto history = TRY(History::open_read_only(where.empty() ? kDefaultStateDir : where));
  bool wants_json = command.format == config::Format::Json;
  switch (command.config_action) {
    case ConfigAction::History: {
      auto versions = TRY(history.list());
      return wants_json ? history_json(versions) : history_table(versions);
    }
    case ConfigAction::Show: {
      auto version = TRY(history.get(command.versions[0]));
      return wants_json ? version_json(version) : files_text(version);
    }
    case ConfigAction::Diff:
    case ConfigAction::Rollback:
      break;
  }
  auto before = TRY(history.get(command.versions[0]));
  auto after = TRY(history.get(command.versions[1]));
  if (command.lines) return version_diff(before, after);
  auto was = loaded_from(before), is = loaded_from(after);
  if (!was.ok() || !is.ok()) return version_diff(before, after);  // it was valid elsewhere
  auto changes = config::diff(was.model, is.model);
  return wants_json ? config::render_json(changes, is.model) : config::render(changes, is.model);
}

int config_command(const Command& command) {
  if (command.config_action == ConfigAction::Rollback) return rollback(command);
  auto answer = answer_config(command);
  if (!answer) return complain(answer.error());
  std::fwrite(answer->data(), 1, answer->size(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace cirque::app
