#include "app/config_command.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "config/history.h"

namespace cirque::app {
namespace {

// Three versions: one file, that file changed, and a second file beside it.
struct Store {
  Store() {
    char name[] = "/tmp/cirque_config_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
    auto history = config::History::open(path);
    REQUIRE(history.has_value());
    auto add = [&](std::int64_t time, std::string source, std::string note,
                   std::vector<config::Source> sources) {
      REQUIRE(history->add({time, std::move(source), std::move(note), std::move(sources)}));
    };
    add(1'700'000'000, "start /etc/a.yaml", "", {{"/etc/a.yaml", "x: 1\ny: 1\n"}});
    add(1'700'000'060, "reload /etc/a.yaml", "Pärchen \x1b[2J", {{"/etc/a.yaml", "x: 1\ny: 2\n"}});
    add(1'700'000'120, "rollback to 1", "",
        {{"/etc/a.yaml", "x: 1\ny: 1\n"}, {"/etc/b.yaml", "z: 3\n"}});
  }

  ~Store() { std::filesystem::remove_all(path); }

  std::expected<std::string, std::string> asked(ConfigAction action,
                                                std::vector<std::uint64_t> versions = {},
                                                config::Format format = config::Format::Text) {
    Command command;
    command.verb = Verb::Config;
    command.config_action = action;
    command.versions = std::move(versions);
    command.format = format;
    command.state_dir = path;
    return answer_config(command);
  }

  std::string answer(ConfigAction action, std::vector<std::uint64_t> versions = {},
                     config::Format format = config::Format::Text) {
    return asked(action, std::move(versions), format).value();
  }

  std::string path;
};

TEST_SUITE("app") {
  TEST_CASE("config history is a table, the newest first, that cannot steer the terminal") {
    Store store;
    CHECK(store.answer(ConfigAction::History) ==
          "NUMBER  TIME (UTC)           HASH          SOURCE              NOTE\n"
          "3       2023-11-14 22:15:20  8fd9fb9bfafd  rollback to 1\n"
          "2       2023-11-14 22:14:20  375d92d430b9  reload /etc/a.yaml  Pärchen \\u001b[2J\n"
          "1       2023-11-14 22:13:20  dc40ab34664c  start /etc/a.yaml\n");
  }

  TEST_CASE("config history and show have JSON for programs") {
    Store store;
    auto history = store.answer(ConfigAction::History, {}, config::Format::Json);
    CHECK(
        history.starts_with(R"({"versions":[{"number":3,"time":"2023-11-14T22:15:20Z","hash":")"));
    CHECK(history.contains(
        R"("source":"reload /etc/a.yaml","note":"Pärchen \u001b[2J","trial":false},)"));
    auto shown = store.answer(ConfigAction::Show, {2}, config::Format::Json);
    CHECK(shown.ends_with(R"("files":[{"path":"/etc/a.yaml","text":"x: 1\u000ay: 2\u000a"}]})"
                          "\n"));
  }

  TEST_CASE("config show prints the files of a version as they were") {
    Store store;
    CHECK(store.answer(ConfigAction::Show, {1}) == "x: 1\ny: 1\n");
    CHECK(store.answer(ConfigAction::Show, {3}) ==
          "# --- /etc/a.yaml\nx: 1\ny: 1\n# --- /etc/b.yaml\nz: 3\n");
    CHECK(store.asked(ConfigAction::Show, {4}).error() == "there is no version 4");
  }

  TEST_CASE("config diff compares file by file") {
    Store store;
    CHECK(store.answer(ConfigAction::Diff, {1, 2}) ==
          "--- /etc/a.yaml (version 1)\n+++ /etc/a.yaml (version 2)\n"
          "@@ -1,2 +1,2 @@\n x: 1\n-y: 1\n+y: 2\n");
    CHECK(store.answer(ConfigAction::Diff, {1, 3}) ==
          "--- /dev/null\n+++ /etc/b.yaml (version 3)\n@@ -0,0 +1,1 @@\n+z: 3\n");
    CHECK(store.answer(ConfigAction::Diff, {3, 1}) ==
          "--- /etc/b.yaml (version 3)\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-z: 3\n");
    CHECK(store.answer(ConfigAction::Diff, {2, 2}).empty());
    CHECK(store.asked(ConfigAction::Diff, {1, 9}).error() == "there is no version 9");
  }

  TEST_CASE("config says where there is no history") {
    Store store;
    store.path += "/elsewhere";
    CHECK(store.asked(ConfigAction::History).error() == store.path + ": no history is kept there");
    store.path.resize(store.path.rfind('/'));
  }
}

}  // namespace
}  // namespace cirque::app
