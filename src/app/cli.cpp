#include "app/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "app/config_words.h"
#include "base/text.h"
#include "config/options.h"
#include "config/values.h"

#ifndef CIRQUE_VERSION
#define CIRQUE_VERSION "unknown"
#endif

namespace cirque::app {
namespace {

using config::words_of;

constexpr VerbRow kVerbs[] = {
    {Verb::Run, "run start", "[FILE]", "run the proxy (this is what happens without a verb)",
     "Reads the configuration, opens all listeners and serves until it is told to stop. When "
     "anything is "
     "wrong with the configuration, all of it is listed and nothing is started.",
     "cirque  # with config/default.yaml or /etc/cirque/cirque.yaml\n"
     "cirque --config config/production.yaml --daemon\n"
     "cirque run site.yaml --workers 4 --log-level debug\n"
     "CONFIG_PATH=site.yaml WORKER_THREADS=2 cirque"},
    {Verb::Validate, "validate check", "[FILE]",
     "check a configuration and list every mistake in it",
     "Reads the configuration and says what is wrong with it: the place, the line, what was "
     "expected there. "
     "Whether its addresses are free is tried as well, unless --elsewhere says that it is for "
     "another machine. The exit status is 0 when it can be used (warnings are listed all the "
     "same), 1 "
     "when not, and with --strict 2 when there are warnings alone.",
     "cirque validate config/production.yaml\n"
     "cirque --config config/production.yaml --validate\n"
     "cirque -t -q -c site.yaml && systemctl restart cirque\n"
     "generate-config | cirque validate -"},
    {Verb::Test, "test", "[FILE]", "run the tests of a configuration",
     "Tries every request of `tests` without sockets, by the code that serves traffic, and lists "
     "what came out otherwise than expected. The exit status is 0 when all pass, and 1 when one "
     "fails or the configuration cannot be used.",
     "cirque test config/production.yaml"},
    {Verb::Adapt, "adapt", "[FILE]", "print a configuration in canonical form",
     "Reads the configuration with all that it includes and prints it as one file, as YAML, TOML "
     "or "
     "JSON: every key in the order of the documentation, without what is the default, with the "
     "environment expanded, and with the listeners, pools and virtual hosts that `services` stand "
     "for. Comments are not kept. Findings go to standard error. The exit status is 0 when the "
     "configuration can be used, and 1 when not; then nothing is printed.",
     "cirque adapt config/production.yaml\n"
     "cirque adapt site.toml --to yaml > site.yaml\n"
     "cirque adapt conf.d --to json | jq .pools"},
    {Verb::Schema, "schema", "", "print a JSON Schema of the configuration",
     "Prints a JSON Schema (draft 2020-12) of all keys, for editors and other programs. It knows "
     "the shape of a file; what belongs together is for `validate` to say.",
     "cirque schema > cirque.schema.json"},
    {Verb::Explain, "explain", "[METHOD] URL", "tell where a request would go, and why",
     "Runs the request through the routing of the configuration, or with --live of the running "
     "process, and tells every step: the host, the routes that were tried with the first condition "
     "that failed, the pool and its backends. The exit status is 0 when the request finds a route, "
     "and 1 when not.",
     "cirque explain http://shop.example.com/cart\n"
     "cirque explain POST http://shop.example.com/cart -H 'X-Env: beta' --from 10.1.2.3\n"
     "cirque explain --live http://shop.example.com/cart"},
    {Verb::Why, "why", "[REASON]", "tell what the reason of an answer means",
     "The reason is the word that an error page shows, the access log has as `reason`, the metrics "
     "as a label, and Proxy-Status as details. Tells what happened, who is to blame, and what can "
     "be done about it. A Proxy-Status field or a line of the access log will do as well. Without "
     "a reason all are listed. The exit status is 0, and 1 when there is no such reason.",
     "cirque why upstream_connect_refused\n"
     "cirque why 'cirque; error=dns_error; details=\"upstream_dns_failed\"'\n"
     "cirque why --format json\n"
     "cirque why --markdown  # docs/reasons.md"},
    {Verb::Reload, "reload", "[FILE]", "have a running cirque read its configuration again",
     "Asks the process that serves admin.listen of this configuration, or else metrics.listen, to "
     "read it again, and waits for the verdict: "
     "what was found, and what has changed. The exit status is 0 when the new configuration is in "
     "use, and 1 when the "
     "old one stays. The signal HUP does the same without waiting.",
     "cirque reload --config config/production.yaml"},
    {Verb::Plan, "plan", "FILE", "tell what a configuration would change",
     "Checks the configuration, and asks the running process what would change if it were applied: "
     "item by item; which listeners and backends it touches; and which of the last thousand "
     "requests would go elsewhere. Where none runs, it is compared with the version that was in "
     "use last. Changes nothing. The exit status is 0 when the configuration could be applied, and "
     "1 when not.",
     "cirque plan site.yaml"},
    {Verb::Apply, "apply", "FILE", "have a running cirque use another configuration",
     "Sends the configuration, with all files that it includes, to the process that it would "
     "reach by its admin.listen or metrics.listen, and waits for the verdict. With --confirm, what "
     "was in use before comes back by itself unless `cirque confirm` is said in time: for changes "
     "that could lock out whoever makes them. The file that the process was started with stays as "
     "it is. The exit status is 0 when the configuration is in use, and 1 when the old one stays.",
     "cirque apply site.yaml --confirm 60s --note 'new shop' && check && cirque confirm"},
    {Verb::Confirm, "confirm", "[FILE]", "keep what was applied on trial",
     "After `cirque apply --confirm`: the new configuration stays. FILE tells, as with reload, "
     "where the process is asked.",
     "cirque confirm"},
    {Verb::Drain, "drain", "BACKEND", "take a backend out of service, and wait until it is",
     "BACKEND is an id of the configuration, or an address as it is written there. The running "
     "process sends it nothing new, in no pool, and closes its idle connections; what is under way "
     "goes on until the deadline, and is cut then. Tells how many connections are left, and ends "
     "when there are none. Ctrl-C ends the telling, not the draining. It holds through reloads, "
     "until `cirque undrain` or the next start. The exit status is 0 when the backend is drained.",
     "cirque drain 10.0.0.5:8080 --within 2m && ssh 10.0.0.5 systemctl restart shop && cirque "
     "undrain 10.0.0.5:8080"},
    {Verb::Undrain, "undrain", "BACKEND", "put a backend into service again",
     "After `cirque drain`: the backend gets requests as its health and the configuration say.",
     "cirque undrain 10.0.0.5:8080"},
    {Verb::Config, "config", "ACTION", "look at the configurations that were put to use",
     "Every configuration that is put to use gets a number. `history` lists them, the newest "
     "first; `show N` prints the files of one; `diff A B` tells how two of them differ: they are "
     "read from the folder that --state-dir or server.state_dir names, whether cirque is running "
     "or not. `rollback N` has the running process use version N again; with --write its files are "
     "written back, so that the next start finds them, too.",
     "cirque config history\n"
     "cirque config history --format json\n"
     "cirque config show 12\n"
     "cirque config diff 11 12 --lines\n"
     "cirque config rollback 11 --write"},
    {Verb::Demo, "demo", "[FILE]", "run the proxy with small backends to try it on",
     "Starts backends on 127.0.0.1:3001 and 127.0.0.1:3002 and the proxy in front of them, and "
     "prints what "
     "to try.",
     "cirque demo"},
    {Verb::Help, "help", "[TOPIC]", "explain a verb, the configuration, a key or a code",
     "The topic is a verb, `config`, a section or key of the configuration, `codes`, the code of a "
     "finding, or a reason, as with `why`.",
     "cirque help validate\n"
     "cirque help config\n"
     "cirque help timeouts.drain\n"
     "cirque help CQ1203\n"
     "cirque help config --markdown  # docs/configuration.md"},
    {Verb::Version, "version", "", "print the version", "Prints the version.", "cirque --version"},
};

Misuse bad_value(std::string_view what, std::string_view value, std::string_view expected,
                 std::string_view nearest_word = {}) {
  return {fmt::format("{} cannot be '{}'; expected {}", what, value, expected),
          nearest_word.empty() ? "" : fmt::format("did you mean '{}'?", nearest_word)};
}

const config::Option& level_option() {
  return *config::canonical().at("logging.level");
}

std::optional<log::Level> level_of(std::string_view word) {
  auto levels = words_of(level_option().choices);
  auto found = std::ranges::find(levels, base::lowered(word));
  if (found == levels.end()) return std::nullopt;
  return static_cast<log::Level>(found - levels.begin());
}

std::optional<Misuse> set_level(Command& command, std::string_view what, std::string_view word) {
  command.level = level_of(word);
  if (command.level) return std::nullopt;
  return bad_value(what, word, expected_of(level_option()), nearest_choice(level_option(), word));
}

std::optional<Misuse> set_workers(Command& command, std::string_view what, std::string_view text) {
  const auto& option = *config::canonical().at("server.workers");
  auto number = base::parse_number(text, option.max);
  if (!number) return bad_value(what, text, expected_of(option));
  command.workers = static_cast<unsigned>(*number);
  return std::nullopt;
}

const FlagRow kFlags[] = {
    {"--config -c -f", "FILE", "CONFIG_PATH",
     "run validate test adapt explain reload plan apply confirm drain undrain config demo",
     "The configuration: YAML, or TOML or JSON when its name ends so; a folder for all the files "
     "in it; - is standard input. Without "
     "it: "
     "config/default.yaml, else /etc/cirque/cirque.yaml.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       if (value.empty()) return Misuse{"--config has no file", {}};
       if (!c.config.empty()) {
         return Misuse{fmt::format("two configurations are named: '{}' and '{}'", c.config, value),
                       {}};
       }
       c.config = value;
       return std::nullopt;
     }},
    {"--validate -t", "", "", "", "The same as the verb validate.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.verb = Verb::Validate;
       return std::nullopt;
     }},
    {"--daemon -d", "", "", "run", "Detach from the terminal once all listeners are open.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.daemon = true;
       return std::nullopt;
     }},
    {"--workers -w", "N", "WORKER_THREADS", "run",
     "Threads that serve requests; 0 for one a CPU. Goes before server.workers of the "
     "configuration.",
     [](Command& c, std::string_view value) { return set_workers(c, "--workers", value); }},
    {"--log-level -l", "LEVEL", "CIRQUE_LOG", "run",
     "trace, debug, info, warn or error. Goes before logging.level of the configuration.",
     [](Command& c, std::string_view value) { return set_level(c, "--log-level", value); }},
    {"--quiet -q", "", "", "validate test", "Say nothing when all is well.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.quiet = true;
       return std::nullopt;
     }},
    {"--strict", "", "", "validate", "Exit with status 2 when there are warnings.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.strict = true;
       return std::nullopt;
     }},
    {"--elsewhere", "", "", "validate",
     "The configuration is for another machine: do not look at this one's addresses and limits.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.elsewhere = true;
       return std::nullopt;
     }},
    {"--format", "FORMAT", "", "validate test why config",
     "How findings are printed: text, or to standard output as json, sarif (2.1.0) or github (its "
     "workflow commands). `config` and `why` know text and json.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       auto format = config::format_called(value);
       if (!format) return bad_value("--format", value, "text, json, sarif or github");
       c.format = *format;
       return std::nullopt;
     }},
    {"--to", "LANGUAGE", "", "adapt", "What to print: yaml (when not given), toml or json.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       auto language = config::language_called(value);
       if (!language) return bad_value("--to", value, "yaml, toml or json");
       c.language = *language;
       return std::nullopt;
     }},
    {"--header -H", "FIELD", "", "explain", "A header field of the request: 'Name: value'.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       auto colon = value.find(':');
       if (colon == value.npos) return bad_value("--header", value, "'Name: value'");
       auto text = base::trim(value.substr(colon + 1));
       c.headers.emplace_back(std::string(value.substr(0, colon)), std::string(text));
       return std::nullopt;
     }},
    {"--from", "IP", "", "explain", "The address that connects; 127.0.0.1 when not given.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       c.from = value;
       return std::nullopt;
     }},
    {"--listener", "NAME", "", "explain", "The listener; the first when not given.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       c.listener = value;
       return std::nullopt;
     }},
    {"--live", "", "", "explain", "Ask the running process, which knows the backends' health.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.live = true;
       return std::nullopt;
     }},
    {"--confirm", "DURATION", "", "apply",
     "Go back by itself unless `cirque confirm` is said within this time, such as 60s.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       auto wait = config::parse_duration(value);
       if (!wait || *wait < 1s) return bad_value("--confirm", value, "a duration such as 60s");
       c.confirm = value;
       return std::nullopt;
     }},
    {"--within", "DURATION", "", "drain",
     "How long what is under way may take, such as 2m; timeouts.drain when not given.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       if (!config::parse_duration(value))
         return bad_value("--within", value, "a duration such as 2m");
       c.within = value;
       return std::nullopt;
     }},
    {"--note", "TEXT", "", "apply", "What the history says about it.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       constexpr std::size_t kNoteMax = 1000;
       bool is_line = std::ranges::none_of(
           value, [](char s) { return static_cast<unsigned char>(s) < 0x20 || s == 0x7f; });
       if (!is_line || value.size() > kNoteMax)
         return bad_value("--note", "...", "one line of 1000 bytes at most");
       c.note = value;
       return std::nullopt;
     }},
    {"--lines", "", "", "config", "With diff: compare the files line by line, as diff -u does.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.lines = true;
       return std::nullopt;
     }},
    {"--write", "", "", "config", "With rollback: write the files of the version back as well.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.write = true;
       return std::nullopt;
     }},
    {"--last-known-good", "", "", "run",
     "Where the configuration is missing or has errors, start with the newest version that was in "
     "use.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.last_known_good = true;
       return std::nullopt;
     }},
    {"--state-dir", "DIR", "CIRQUE_STATE_DIR", "run config",
     "Where cirque keeps what must outlive it: see server.state_dir.",
     [](Command& c, std::string_view value) -> std::optional<Misuse> {
       if (value.empty()) return Misuse{"--state-dir has no folder", {}};
       c.state_dir = value;
       return std::nullopt;
     }},
    {"--markdown", "", "", "help why", "Print `help config`, or all that `why` knows, as Markdown.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.page = Page::Markdown;
       return std::nullopt;
     }},
    {"--man", "", "", "help",
     "Print the man page: cirque(8), and with the topic config cirque.yaml(5).",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.page = Page::Man;
       return std::nullopt;
     }},
    {"--help -h", "", "", "", "Help, for the verb when there is one.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       if (c.verb != Verb::Help && c.verb != Verb::Run)
         c.words = {std::string(words_of(row_of(c.verb).names)[0])};
       c.verb = Verb::Help;
       return std::nullopt;
     }},
    {"--version -v -V", "", "", "", "Print the version.",
     [](Command& c, std::string_view) -> std::optional<Misuse> {
       c.verb = Verb::Version;
       return std::nullopt;
     }},
};

bool has_name(std::string_view names, std::string_view name) {
  return std::ranges::any_of(words_of(names), [&](auto n) { return n == name; });
}

const VerbRow* verb_called(std::string_view word) {
  auto found = std::ranges::find_if(kVerbs, [&](auto& row) { return has_name(row.names, word); });
  return found == std::end(kVerbs) ? nullptr : &*found;
}

const FlagRow* flag_called(std::string_view word) {
  auto found = std::ranges::find_if(kFlags, [&](auto& row) { return has_name(row.names, word); });
  return found == std::end(kFlags) ? nullptr : &*found;
}

class Arguments {
 public:
  explicit Arguments(std::span<const std::string_view> words) : rest_(words) {}

  std::optional<Misuse> read(Command& command) {
    bool only_operands = false;
    while (!rest_.empty()) {
      auto word = next();
      std::optional<Misuse> misuse;
      if (!only_operands && word == "--") {
        only_operands = true;
      } else if (!only_operands && word.size() > 1 && word.starts_with('-')) {
        misuse = flag(command, word);
      } else {
        misuse = operand(command, word);
      }
      if (misuse) return misuse;
    }
    if (auto misuse = check_flags(command)) return misuse;
    if (command.verb == Verb::Why) return check_why(command);
    if (is_about_backend(command) && command.words.empty()) {
      return Misuse{fmt::format("{} which backend?", words_of(row_of(command.verb).names)[0]), {}};
    }
    if (command.verb == Verb::Config) return read_config_words(command, config_words_);
    return std::nullopt;
  }

 private:
  std::string_view next() {
    auto word = rest_.front();
    rest_ = rest_.subspan(1);
    return word;
  }

  std::optional<Misuse> flag(Command& command, std::string_view word) {
    bool is_long = word.starts_with("--");
    auto name = is_long ? word.substr(0, word.find('=')) : word.substr(0, 2);
    const auto* row = flag_called(name);
    if (!row) return unknown_flag(name);
    std::string_view value = word.substr(name.size());
    bool is_joined = !value.empty();
    if (is_joined && value.starts_with('=')) value.remove_prefix(1);
    if (row->value.empty() && is_joined) return Misuse{fmt::format("{} takes no value", name), {}};
    if (!row->value.empty() && !is_joined) {
      if (rest_.empty())
        return Misuse{fmt::format("{} needs a value: {} {}", name, name, row->value), {}};
      value = next();
    }
    used_.push_back(row);
    return row->apply(command, value);
  }

  static Misuse unknown_flag(std::string_view name) {
    std::vector<std::string_view> names;
    for (const auto& row : kFlags)
      std::ranges::copy(words_of(row.names), std::back_inserter(names));
    auto meant = name.starts_with("--") ? nearest(name, names) : std::string_view();
    return {fmt::format("unknown flag '{}'", name),
            meant.empty() ? "" : fmt::format("did you mean '{}'?", meant)};
  }

  // The first is the verb, if it is one; then a file, the topic of help, or what config shall do.
  std::optional<Misuse> operand(Command& command, std::string_view word) {
    if (!has_verb_) {
      has_verb_ = true;
      bool is_decided = command.verb != Verb::Run;  // by a flag: cirque -t site.yaml
      const auto* row = verb_called(word);
      if (row && command.verb == Verb::Help) {
        command.words = {std::string(word)};
        return std::nullopt;
      }
      if (row) {
        command.verb = row->verb;
        return std::nullopt;
      }
      if (!is_decided) return unknown_verb(word);
    }
    if (command.verb == Verb::Help) {
      command.words.emplace_back(word);
      return std::nullopt;
    }
    if (command.verb == Verb::Explain && command.words.size() < 2) {
      command.words.emplace_back(word);
      return std::nullopt;
    }
    if (command.verb == Verb::Why) {
      command.words.emplace_back(word);
      return std::nullopt;
    }
    if (is_about_backend(command) && command.words.empty()) {
      command.words.emplace_back(word);
      return std::nullopt;
    }
    if (command.verb == Verb::Config) {
      config_words_.emplace_back(word);
      return std::nullopt;
    }
    bool is_alone =
        command.verb == Verb::Version || command.verb == Verb::Schema || is_about_backend(command);
    bool takes_file = !is_alone && command.config.empty();
    if (!takes_file) return Misuse{fmt::format("'{}' is one argument too many", word), {}};
    command.config = word;
    return std::nullopt;
  }

  static bool is_about_backend(const Command& command) {
    return command.verb == Verb::Drain || command.verb == Verb::Undrain;
  }

  static Misuse unknown_verb(std::string_view word) {
    std::vector<std::string_view> names;
    for (const auto& row : kVerbs)
      std::ranges::copy(words_of(row.names), std::back_inserter(names));
    auto meant = nearest(word, names);
    bool is_file = word.contains('/') || word.contains('.');
    std::string hint;
    if (!meant.empty()) hint = fmt::format("did you mean 'cirque {}'?", meant);
    if (is_file) hint = fmt::format("did you mean 'cirque run {}'?", word);
    return {fmt::format("unknown verb '{}'", word), std::move(hint)};
  }

  static std::optional<Misuse> check_why(const Command& command) {
    using enum config::Format;
    if (command.format == Text || command.format == Json) return std::nullopt;
    return Misuse{"why cannot be printed in this format; expected text or json", {}};
  }

  std::optional<Misuse> check_flags(const Command& command) const {
    if (command.verb == Verb::Help || command.verb == Verb::Version) return std::nullopt;
    for (const auto* row : used_) {
      if (goes_with(*row, command.verb)) continue;
      return Misuse{fmt::format("{} does not go with {}", words_of(row->names)[0],
                                words_of(row_of(command.verb).names)[0]),
                    {}};
    }
    return std::nullopt;
  }

  std::span<const std::string_view> rest_;
  std::vector<const FlagRow*> used_;
  std::vector<std::string> config_words_;
  bool has_verb_ = false;
};

// "info", or the last plain level of "pingora=debug,info", or of its last pair. RUST_LOG belongs to
// others as well, so what is not understood is not our business.
std::optional<log::Level> level_in_rust_log(std::string_view text) {
  std::optional<log::Level> plain, paired;
  base::for_each_element(text, [&](std::string_view element) {
    auto equals = element.find('=');
    auto word = equals == element.npos ? element : element.substr(equals + 1);
    auto level = level_of(word);
    if (level) (equals == element.npos ? plain : paired) = level;
  });
  return plain ? plain : paired;
}

// What no argument has said already.
std::optional<Misuse> read_environment(Command& command, const config::Environment& environment) {
  auto value = [&](const char* name) { return environment(name).value_or(std::string()); };
  if (command.config.empty()) command.config = value("CONFIG_PATH");
  if (command.state_dir.empty()) command.state_dir = value("CIRQUE_STATE_DIR");
  if (command.verb != Verb::Run) return std::nullopt;
  auto workers = value("WORKER_THREADS");
  if (!command.workers && !workers.empty() && workers != "auto") {
    if (auto misuse = set_workers(command, "WORKER_THREADS", workers)) return misuse;
  }
  auto level = value("CIRQUE_LOG");
  if (!command.level && !level.empty()) return set_level(command, "CIRQUE_LOG", level);
  if (!command.level) command.level = level_in_rust_log(value("RUST_LOG"));
  return std::nullopt;
}

}  // namespace

std::string_view version() noexcept {
  return CIRQUE_VERSION;
}

std::expected<Command, Misuse> parse(std::span<const std::string_view> arguments,
                                     const config::Environment& environment) {
  Command command;
  if (auto misuse = Arguments(arguments).read(command)) return std::unexpected(*misuse);
  if (auto misuse = read_environment(command, environment)) return std::unexpected(*misuse);
  return command;
}

std::optional<std::string> default_config() {
  for (const char* path : kDefaultConfigs) {
    if (access(path, F_OK) == 0) return path;
  }
  return std::nullopt;
}

std::span<const VerbRow> verbs() {
  return kVerbs;
}

const VerbRow& row_of(Verb verb) {
  return *std::ranges::find(kVerbs, verb, &VerbRow::verb);
}

std::span<const FlagRow> flags() {
  return kFlags;
}

bool goes_with(const FlagRow& flag, Verb verb) {
  return flag.verbs.empty() || has_name(flag.verbs, words_of(row_of(verb).names)[0]);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> words) {
  std::string_view best;
  std::size_t distance = 3;  // two slips of the pen
  for (auto candidate : words) {
    auto d = base::edit_distance(word, candidate);
    bool is_near = d < distance && d * 2 < std::max(word.size(), candidate.size());
    if (!is_near) continue;
    distance = d;
    best = candidate;
  }
  return best;
}

}  // namespace cirque::app
