#pragma once
// The command line: one table of verbs and one of flags, from which parsing, help and man page are
// made.
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "config/formats.h"
#include "config/load.h"
#include "config/question.h"
#include "config/reader.h"

namespace cirque::app {

std::string_view version() noexcept;

enum class Verb : std::uint8_t {
  Run,
  Validate,
  Test,
  Adapt,
  Schema,
  Explain,
  Why,
  Reload,
  Plan,
  Apply,
  Confirm,
  Drain,
  Undrain,
  Config,
  Demo,
  Help,
  Version,
};
enum class ConfigAction : std::uint8_t { History, Show, Diff, Rollback };
enum class Page : std::uint8_t { Text, Markdown, Man };

// What the arguments and the environment ask for, the arguments first.
struct Command {
  Verb verb = Verb::Run;
  std::string config;  // empty: see default_config()
  std::optional<unsigned> workers;
  std::optional<log::Level> level;
  bool daemon = false;
  bool quiet = false;
  bool strict = false;
  bool elsewhere = false;
  config::Format format = config::Format::Text;
  config::Language language = config::Language::Yaml;
  std::vector<std::string> words;  // the topic of help, the request of explain, a reason
  std::vector<config::TableEntry> headers;
  std::string from;
  std::string listener;
  bool live = false;
  Page page = Page::Text;
  ConfigAction config_action = ConfigAction::History;
  std::vector<std::uint64_t> versions;  // of config: as many as its action takes
  std::string state_dir;                // empty: see state_dir_of()
  std::string confirm;                  // of apply: a duration, or empty
  std::string within;                   // of drain: a duration, or empty
  std::string note;                     // of apply
  bool write = false;                   // of config rollback
  bool lines = false;                   // of config diff
  bool last_known_good = false;
};

// Why the command line cannot be understood; exit status 2.
struct Misuse {
  std::string message;
  std::string hint;  // may be empty
};

// `arguments` without the name of the program.
std::expected<Command, Misuse> parse(std::span<const std::string_view> arguments,
                                     const config::Environment& environment);

inline constexpr const char* kDefaultConfigs[] = {"config/default.yaml", "/etc/cirque/cirque.yaml"};
// The first of them that exists.
std::optional<std::string> default_config();
inline constexpr const char* kDefaultStateDir = "/var/lib/cirque";

// The tables, for help and man page.
struct VerbRow {
  Verb verb;
  std::string_view names;      // the first is its name, the others are aliases
  std::string_view arguments;  // "FILE"
  std::string_view brief;
  std::string_view text;
  std::string_view examples;  // "command  # what it does", one a line
};

std::span<const VerbRow> verbs();
const VerbRow& row_of(Verb verb);

struct FlagRow {
  std::string_view names;  // "--config -c -f"
  std::string_view value;  // "FILE"; empty: it takes none
  std::string_view environment;
  std::string_view verbs;  // that it goes with; empty: all
  std::string_view text;
  std::optional<Misuse> (*apply)(Command& command, std::string_view value);
};

std::span<const FlagRow> flags();
bool goes_with(const FlagRow& flag, Verb verb);

// The word that was meant, or "".
std::string_view nearest(std::string_view word, std::span<const std::string_view> words);

}  // namespace cirque::app
