// The program: reads the command line and the configuration, and calls what was asked for.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "app/cli.h"
#include "app/config_command.h"
#include "app/daemon.h"
#include "app/demo.h"
#include "app/explain.h"
#include "app/help.h"
#include "app/here.h"
#include "app/orders.h"
#include "app/versions.h"
#include "app/why.h"
#include "config/json_schema.h"
#include "config/load.h"
#include "config/write.h"

namespace cirque::app {
namespace {

constexpr int kFailed = 1;
constexpr int kMisused = 2;

void print(std::FILE* to, const std::string& text) {
  std::fputs(text.c_str(), to);
  std::fflush(to);
}

int misused(const Misuse& misuse) {
  auto hint = misuse.hint.empty() ? std::string() : fmt::format("   {}\n", misuse.hint);
  print(stderr, fmt::format("cirque: {}\n{}   see: cirque --help\n", misuse.message, hint));
  return kMisused;
}

int help_on(const Command& command) {
  auto text = help(command);
  if (!text) return misused(text.error());
  print(stdout, *text);
  return 0;
}

int tell_why(const Command& command) {
  auto text = why(command);
  if (!text) {
    print(stderr, fmt::format("cirque: {}\n   {}\n", text.error().message, text.error().hint));
    return kFailed;
  }
  print(stdout, *text);
  return 0;
}

std::string counted(std::size_t number, std::string_view word) {
  return fmt::format("{} {}{}", number, word, number == 1 ? "" : "s");
}

std::string contents(const config::Model& model) {
  if (model.listeners.size() == model.services.size()) {
    return counted(model.services.size(), "service");
  }
  return fmt::format("{}, {}, {}", counted(model.listeners.size(), "listener"),
                     counted(model.virtual_hosts.size(), "virtual host"),
                     counted(model.pools.size(), "pool"));
}

std::string summary(const config::Loaded& loaded) {
  std::size_t errors = 0;
  for (const auto& f : loaded.findings) errors += f.severity == config::Severity::Error ? 1 : 0;
  auto warnings = loaded.findings.size() - errors;
  auto tail = warnings > 0 ? fmt::format(", {}", counted(warnings, "warning")) : std::string();
  if (errors > 0)
    return fmt::format("{}: {}{}\n", loaded.model.file, counted(errors, "error"), tail);
  return fmt::format("{}: configuration is valid ({}{})\n", loaded.model.file,
                     contents(loaded.model), tail);
}

int validate(const Command& command) {
  auto surroundings = here();
  auto loaded =
      config::load_file(command.config, config::process_environment, config::system_files(),
                        command.elsewhere ? nullptr : &surroundings);
  constexpr int kWarned = 2;
  int status = !loaded.ok() ? kFailed : command.strict && !loaded.findings.empty() ? kWarned : 0;
  if (command.format != config::Format::Text) {
    print(stdout, config::write(command.format, loaded.findings, version()));
    return status;
  }
  print(stderr, config::render(loaded.findings));
  if (!command.quiet || status != 0) print(status == 0 ? stdout : stderr, summary(loaded));
  return status;
}

int test(const Command& command) {
  auto loaded = config::load_file(command.config);
  std::size_t failed = 0;
  std::string_view last;
  for (const auto& f : loaded.findings) {
    auto test = std::string_view(f.path).substr(0, f.path.find(']'));
    failed += f.code == config::Code::TestFailed && std::exchange(last, test) != test;
  }
  bool is_tried = loaded.ok() || failed > 0;
  if (command.format != config::Format::Text) {
    print(stdout, config::write(command.format, loaded.findings, version()));
  } else {
    print(stderr, config::render(loaded.findings));
    auto passed = is_tried ? loaded.model.tests.size() - failed : 0;
    if (!command.quiet || failed > 0)
      print(stdout, fmt::format("{} passed, {} failed\n", passed, failed));
  }
  return loaded.ok() ? 0 : kFailed;
}

int adapt(const Command& command) {
  auto loaded = config::load_file(command.config);
  print(stderr, config::render(loaded.findings));
  if (!loaded.ok()) {
    print(stderr, summary(loaded));
    return kFailed;
  }
  print(stdout, config::write(loaded.model, command.language));
  return 0;
}

config::Loaded load(const Command& command, const std::string& path, const config::Files& files) {
  auto loaded = config::load_file(path, config::process_environment, files);
  if (command.workers) loaded.model.server.workers = *command.workers;
  if (command.level) loaded.model.logging.level = *command.level;
  return loaded;
}

// What was in use last, if it can be had, and not a trial that nobody has confirmed. Says so.
// `model` is what could be read of the file, which may still tell where versions are kept.
std::optional<config::Loaded> last_known_good(const Command& command, const config::Model& model) {
  auto version = newest_version(state_dir_of(command.state_dir, model), Trials::Without);
  if (!version) {
    print(stderr,
          fmt::format("cirque: there is no last known good configuration: {}\n", version.error()));
    return std::nullopt;
  }
  auto loaded = load(command, version->sources.front().path, config::files_of(version->sources));
  print(stderr, config::render(loaded.findings));
  if (!loaded.ok()) return std::nullopt;
  print(stderr, fmt::format("cirque: starting with version {}, the last that was in use\n",
                            version->number));
  return loaded;
}

int run(const Command& command) {
  RunOptions options{.daemon = command.daemon};
  options.load = [command](const std::string& path, const config::Files& files) {
    return load(command, path, files);
  };
  // A daemon leaves the folder that it was started in.
  if (command.config != "-") options.path = std::filesystem::absolute(command.config).string();
  auto loaded = load(command, command.config, config::system_files());
  print(stderr, config::render(loaded.findings));
  if (!loaded.ok()) {
    print(stderr, summary(loaded));
    auto last = command.last_known_good ? last_known_good(command, loaded.model) : std::nullopt;
    if (!last) return kFailed;
    loaded = std::move(*last);
    options.is_last_known_good = true;
  }
  options.state_dir = state_dir_of(command.state_dir, loaded.model);
  return serve(std::move(loaded), options);
}

int start(Command command) {
  if (command.verb == Verb::Help) return help_on(command);
  if (command.verb == Verb::Why) return tell_why(command);
  if (command.verb == Verb::Version) {
    print(stdout, fmt::format("cirque {}\n", version()));
    return 0;
  }
  if (command.verb == Verb::Schema) {
    print(stdout, config::json_schema());
    return 0;
  }
  bool is_config = command.verb == Verb::Config;
  if (command.config.empty()) {
    auto found = default_config();
    if (!found && is_config) return config_command(command);
    if (!found) {
      print(stderr, fmt::format("cirque: no configuration: neither {} nor {} exists\n"
                                "   name one: cirque run --config FILE\n",
                                kDefaultConfigs[0], kDefaultConfigs[1]));
      return kFailed;
    }
    command.config = *found;
  }
  switch (command.verb) {
    case Verb::Validate:
      return validate(command);
    case Verb::Test:
      return test(command);
    case Verb::Adapt:
      return adapt(command);
    case Verb::Explain:
      return explain(command);
    case Verb::Reload:
      return reload(command);
    case Verb::Plan:
      return plan(command);
    case Verb::Apply:
      return apply(command);
    case Verb::Confirm:
      return confirm(command);
    case Verb::Drain:
      return drain(command);
    case Verb::Undrain:
      return undrain(command);
    case Verb::Config:
      return config_command(command);
    case Verb::Demo:
      return demo(command.config);
    default:
      return run(command);
  }
}

}  // namespace
}  // namespace cirque::app

int main(int argc, char** argv) {
  std::vector<std::string_view> arguments(argv + 1, argv + argc);
  auto command = cirque::app::parse(arguments, cirque::config::process_environment);
  if (!command) return cirque::app::misused(command.error());
  return cirque::app::start(std::move(*command));
}
