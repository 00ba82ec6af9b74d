#include "app/cli.h"

#include <doctest/doctest.h>

#include <map>

#include "app/help.h"
#include "config/options.h"

namespace cirque::app {
namespace {

using World = std::map<std::string, std::string, std::less<>>;

std::expected<Command, Misuse> parsed(std::vector<std::string_view> arguments,
                                      const World& world = {}) {
  return parse(arguments, [&](std::string_view name) -> std::optional<std::string> {
    auto found = world.find(name);
    if (found == world.end()) return std::nullopt;
    return found->second;
  });
}

Command good(std::vector<std::string_view> arguments, const World& world = {}) {
  auto command = parsed(std::move(arguments), world);
  REQUIRE_MESSAGE(command.has_value(), (command ? "" : command.error().message));
  return *command;
}

Misuse bad(std::vector<std::string_view> arguments, const World& world = {}) {
  auto command = parsed(std::move(arguments), world);
  REQUIRE_FALSE(command.has_value());
  return command.error();
}

TEST_SUITE("app") {
  TEST_CASE("without a verb the proxy runs") {
    CHECK(good({}).verb == Verb::Run);
    CHECK(good({"--daemon"}).daemon);
    CHECK(good({"--config", "a.yaml"}).config == "a.yaml");
  }

  TEST_CASE("the command lines of the requirements are understood") {
    auto command = good({"--config", "config/test.yaml", "--validate"});
    CHECK(command.verb == Verb::Validate);
    CHECK(command.config == "config/test.yaml");
    CHECK(good({"--config", "config/production.yaml"}).verb == Verb::Run);
  }

  TEST_CASE("a configuration can be named in many ways") {
    for (auto words : std::vector<std::vector<std::string_view>>{{"-c", "a"},
                                                                 {"-f", "a"},
                                                                 {"-ca"},
                                                                 {"--config=a"},
                                                                 {"run", "a"},
                                                                 {"-t", "a"},
                                                                 {"validate", "a"},
                                                                 {"check", "--", "a"},
                                                                 {"-c", "a", "validate"}}) {
      CAPTURE(words[0]);
      CHECK(good(words).config == "a");
    }
    CHECK(good({"validate", "-"}).config == "-");
  }

  TEST_CASE("arguments go before the environment") {
    World world = {{"CONFIG_PATH", "env.yaml"}, {"WORKER_THREADS", "3"}, {"CIRQUE_LOG", "warn"}};
    auto from_world = good({}, world);
    CHECK(from_world.config == "env.yaml");
    CHECK(from_world.workers == 3);
    CHECK(from_world.level == log::Level::Warn);
    auto command = good({"-c", "a.yaml", "--workers", "5", "--log-level", "debug"}, world);
    CHECK(command.config == "a.yaml");
    CHECK(command.workers == 5);
    CHECK(command.level == log::Level::Debug);
  }

  TEST_CASE("an empty variable is none") {
    World world = {
        {"CONFIG_PATH", ""}, {"WORKER_THREADS", ""}, {"CIRQUE_LOG", ""}, {"RUST_LOG", ""}};
    auto command = good({}, world);
    CHECK(command.config.empty());
    CHECK_FALSE(command.workers);
    CHECK_FALSE(command.level);
  }

  TEST_CASE("RUST_LOG is understood as far as it concerns us") {
    auto level = [](const char* text) { return good({}, {{"RUST_LOG", text}}).level; };
    CHECK(level("info") == log::Level::Info);
    CHECK(level("DEBUG") == log::Level::Debug);
    CHECK(level("pingora=debug,info") == log::Level::Info);
    CHECK(level("info,pingora=debug") == log::Level::Info);
    CHECK(level("pingora=debug") == log::Level::Debug);
    CHECK(level("a=trace,b=error") == log::Level::Error);
    CHECK_FALSE(level("off"));
    CHECK_FALSE(level("hyper[span{x=y}]"));
    CHECK(good({}, {{"RUST_LOG", "trace"}, {"CIRQUE_LOG", "error"}}).level == log::Level::Error);
  }

  TEST_CASE("a variable that cannot be understood is a misuse") {
    CHECK(
        bad({}, {{"WORKER_THREADS", "many"}}).message.contains("WORKER_THREADS cannot be 'many'"));
    CHECK(bad({}, {{"CIRQUE_LOG", "warning"}}).hint == "did you mean 'warn'?");
    CHECK(good({"validate"}, {{"WORKER_THREADS", "many"}}).verb == Verb::Validate);
    CHECK_FALSE(good({}, {{"WORKER_THREADS", "auto"}}).workers);
  }

  TEST_CASE("an unknown verb or flag leads to the nearest") {
    CHECK(bad({"validat"}).hint == "did you mean 'cirque validate'?");
    CHECK(bad({"rn"}).hint == "did you mean 'cirque run'?");
    CHECK(bad({"site.yaml"}).hint == "did you mean 'cirque run site.yaml'?");
    CHECK(bad({"zzzzzz"}).hint.empty());
    CHECK(bad({"--demon"}).hint == "did you mean '--daemon'?");
    CHECK(bad({"--conifg", "a"}).hint == "did you mean '--config'?");
    CHECK(bad({"-z"}).message == "unknown flag '-z'");
  }

  TEST_CASE("what does not go together is a misuse") {
    CHECK(bad({"validate", "--daemon"}).message == "--daemon does not go with validate");
    CHECK(bad({"--workers"}).message.contains("needs a value"));
    CHECK(bad({"--workers", "-1"}).message.contains("cannot be '-1'"));
    CHECK(bad({"--workers", "99999"}).message.contains("0 to 1024"));
    CHECK(bad({"--daemon=yes"}).message.contains("takes no value"));
    CHECK(bad({"-c", ""}).message.contains("no file"));
    CHECK(bad({"run", "a", "b"}).message.contains("too many"));
    CHECK(bad({"version", "a"}).message.contains("too many"));
    CHECK(bad({"apply", "a", "-c", "b"}).message == "two configurations are named: 'a' and 'b'");
    CHECK(bad({"-c", "a", "--config=b"}).message.contains("two configurations"));
    CHECK(good({"validate", "-c", "a"}, {{"CONFIG_PATH", "b"}}).config == "a");
    CHECK(bad({"--log-level", "loud"}).message.contains("expected one of trace"));
  }

  TEST_CASE("config is asked for the history, a version, or two") {
    auto history = good({"config", "history"});
    CHECK(history.verb == Verb::Config);
    CHECK(history.config_action == ConfigAction::History);
    CHECK(history.state_dir.empty());
    CHECK(good({"config", "show", "12"}).config_action == ConfigAction::Show);
    auto diff = good({"--state-dir", "/s", "config", "diff", "11", "12"});
    CHECK(diff.config_action == ConfigAction::Diff);
    CHECK(diff.versions == std::vector<std::uint64_t>{11, 12});
    CHECK(diff.state_dir == "/s");
    World world = {{"CIRQUE_STATE_DIR", "/e"}};
    CHECK(good({"config", "history"}, world).state_dir == "/e");
    CHECK(good({"config", "history", "--state-dir=/s"}, world).state_dir == "/s");
    CHECK(good({"config", "show", "1", "--format", "json"}).format == config::Format::Json);
  }

  TEST_CASE("config says what it did not understand") {
    CHECK(bad({"config"}).hint.contains("cirque config show N"));
    CHECK(bad({"config", "histroy"}).hint == "did you mean 'cirque config history'?");
    CHECK(bad({"config", "site.yaml"}).message == "config does not know 'site.yaml'");
    CHECK(bad({"config", "show"}).message == "config show takes 1 argument");
    CHECK(bad({"config", "diff", "1"}).message == "config diff takes 2 arguments");
    CHECK(bad({"config", "history", "1"}).message == "config history takes no arguments");
    for (auto word : {"0", "x", "1x", "99999999999999999999"})
      CHECK(bad({"config", "show", word}).message.contains("is not the number of a version"));
    CHECK(
        bad({"config", "history", "--format", "sarif"}).message.contains("expected text or json"));
    CHECK(bad({"config", "diff", "1", "2", "--format", "sarif"}).message.contains("text or json"));
    CHECK(bad({"validate", "--state-dir", "/s"}).message ==
          "--state-dir does not go with validate");
    CHECK(bad({"config", "history", "--state-dir", ""}).message.contains("no folder"));
  }

  TEST_CASE("help and version are reached by every road") {
    for (auto word : {"--help", "-h", "help"}) CHECK(good({word}).verb == Verb::Help);
    for (auto word : {"--version", "-v", "-V", "version"})
      CHECK(good({word}).verb == Verb::Version);
    CHECK(good({"validate", "--help"}).words == std::vector<std::string>{"validate"});
    CHECK(good({"--help", "validate"}).words == std::vector<std::string>{"validate"});
    CHECK(good({"help", "validate"}).words == std::vector<std::string>{"validate"});
    CHECK(good({"help", "config", "--markdown"}).page == Page::Markdown);
  }

  TEST_CASE("there is help on every verb, key and code") {
    auto text = [](std::vector<std::string> topic) {
      Command command;
      command.verb = Verb::Help;
      command.words = std::move(topic);
      return help(command);
    };
    CHECK(text({})->contains("Usage: cirque"));
    for (const auto& row : verbs()) {
      for (auto name : config::words_of(row.names))
        CHECK(text({std::string(name)})->contains("Usage: cirque"));
    }
    for (const auto& option : config::canonical().options()) {
      CAPTURE(option.path);
      CHECK(text({std::string(option.path)})->starts_with(option.path));
    }
    for (const auto& e : config::explanations()) CHECK(text({text_of(e.code)})->contains(e.title));
    CHECK(text({"config"})->contains("client_header"));
    CHECK(text({"codes"})->contains("CQ1203"));
    CHECK(text({"upstreams"})->starts_with("services[].upstreams"));
    CHECK(text({"timeouts.drian"}).error().hint == "did you mean 'timeouts.drain'?");
    CHECK(text({"nothing-of-the-kind"}).error().message == "no help on 'nothing-of-the-kind'");
  }

  TEST_CASE("the pages name every key, verb and flag") {
    Command command;
    command.words = {"config"};
    command.page = Page::Markdown;
    auto markdown = help(command);
    command.page = Page::Man;
    auto man5 = help(command);
    command.words = {};
    auto man8 = help(command);
    for (const auto& option : config::canonical().options()) {
      CAPTURE(option.path);
      CHECK(markdown->contains(option.doc.substr(0, option.doc.find('|'))));
      CHECK(man5->contains(option.key()));
    }
    for (const auto& flag : flags())
      CHECK(man8->contains(config::words_of(flag.names)[0].substr(2, 3)));
    CHECK_FALSE(man8->contains("\n'"));
  }
}

}  // namespace
}  // namespace cirque::app
