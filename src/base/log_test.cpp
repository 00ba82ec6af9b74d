#include "base/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace cirque {
namespace {

namespace fs = std::filesystem;

// The log in a file of its own, and back to standard error at the end.
struct LogFile {
  explicit LogFile(log::Options options = {}) {
    char name[] = "/tmp/cirque_log_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    folder = name;
    path = folder / "cirque.log";
    options.path = path;
    REQUIRE(log::configure(options));
  }

  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  ~LogFile() {
    log::configure({});
    fs::remove_all(folder);
  }

  static std::string read(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  std::string text() const { return read(path); }

  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::istringstream text_stream(text());
    for (std::string line; std::getline(text_stream, line);) all.push_back(line);
    return all;
  }

  // Without the timestamp, which has a fixed width.
  std::string only_line() const {
    auto all = lines();
    REQUIRE(all.size() == 1);
    return all[0].substr(25);
  }

  fs::path folder;
  fs::path path;
};

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("an event is one line that people can read") {
  LogFile file;
  log::info("upstream", "backend is down",
            {{"backend", "127.0.0.1:3001"}, {"failures", 3}, {"load", 0.5}, {"last", true}});
  CHECK(file.only_line() ==
        "INFO  upstream: backend is down backend=127.0.0.1:3001 failures=3 load=0.5 last=true");
  auto line = file.lines()[0];
  CHECK(line.substr(0, 2) == "20");
  CHECK(line[10] == 'T');
  CHECK(line.substr(23, 2) == "Z ");
}

TEST_CASE("an event is one JSON object where that is asked for") {
  LogFile file({.format = log::Format::Json});
  log::error(
      "net", "cannot \"accept\"",
      {{"error", std::string("a\nb")}, {"bytes", ~std::uint64_t{0}}, {"share", std::nan("")}});
  auto line = file.lines().at(0);
  CHECK(line.starts_with("{\"ts\":\"20"));
  CHECK(line.substr(line.find(",\"level\"")) ==
        ",\"level\":\"error\",\"component\":\"net\",\"message\":\"cannot \\\"accept\\\"\","
        "\"error\":\"a\\u000ab\",\"bytes\":18446744073709551615,\"share\":null}");
}

TEST_CASE("a value cannot forge a line or a field") {
  LogFile file;
  log::warn("app", "odd", {{"a", "x\n2026 ERROR all is lost\x1b[2J"}, {"b", "c=d"}, {"e", ""}});
  CHECK(file.only_line() ==
        "WARN  app: odd a=\"x\\x0A2026 ERROR all is lost\\x1B[2J\" b=\"c=d\" e=\"\"");
}

TEST_CASE("levels below the threshold are not written") {
  LogFile file({.level = log::Level::Warn});
  CHECK(!log::is_on(log::Level::Info));
  log::trace("app", "t");
  log::debug("app", "d");
  log::info("app", "i");
  log::warn("app", "w");
  CHECK(file.only_line() == "WARN  app: w");
}

TEST_CASE("a file that cannot be opened changes nothing") {
  LogFile file;
  CHECK(!log::configure({.level = log::Level::Error, .path = "/nonexistent/cirque.log"}));
  log::info("app", "still here");
  CHECK(file.only_line() == "INFO  app: still here");
}

TEST_CASE("after a rotation lines go to the new file") {
  LogFile file;
  log::info("app", "before");
  auto rotated = file.folder / "cirque.log.1";
  fs::rename(file.path, rotated);
  log::info("app", "still the old file");
  log::reopen();
  log::info("app", "after");
  CHECK(file.only_line() == "INFO  app: after");
  CHECK(LogFile::read(rotated).contains("still the old file"));
}

TEST_CASE("a flood of one message is cut, and what was cut is told a second later") {
  LogFile file;
  constexpr std::int64_t kStartMs = 1'795'212'000'123;
  auto say = [](std::int64_t after_ms, std::string_view message) {
    log::write_at(kStartMs + after_ms, log::Level::Info, "app", message, {});
  };
  for (unsigned i = 0; i < log::kBurst + 7; ++i) say(0, "flood");
  say(1, "other");
  CHECK(file.lines().size() == log::kBurst + 1);
  say(1000, "other");
  say(1001, "flood");
  auto lines = file.lines();
  REQUIRE(lines.size() == log::kBurst + 4);
  CHECK(lines.front() == "2026-11-20T22:00:00.123Z INFO  app: flood");
  CHECK(lines[log::kBurst + 1] ==
        "2026-11-20T22:00:01.123Z WARN  app: lines suppressed suppressed=7 message=flood");
  CHECK(lines[log::kBurst + 2].ends_with("app: other"));
  CHECK(lines[log::kBurst + 3].ends_with("app: flood"));
}

TEST_CASE("threads do not mix their lines") {
  LogFile file;
  {
    std::vector<std::jthread> threads;  // joined at the end of the block
    for (const char* name : {"one", "two", "three", "four"}) {
      threads.emplace_back([name] {
        for (unsigned i = 0; i < log::kBurst; ++i) log::info("app", name, {{"text", name}});
      });
    }
  }
  CHECK(file.lines().size() == 4 * log::kBurst);
  for (const auto& line : file.lines()) {
    auto name = line.substr(line.find("text=") + 5);
    CHECK(line.ends_with("app: " + name + " text=" + name));
  }
}

TEST_CASE("a pipe that nobody reads keeps nobody waiting, and what was lost is told") {
  LogFile file;
  auto fifo = file.folder / "pipe";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  REQUIRE(log::configure({.path = fifo}));
  auto lost_before = log::lost();
  std::string text(1000, 'x');
  std::uint64_t lines = 200;  // three times what it holds
  for (std::uint64_t i = 0; i < lines; ++i) {
    log::write_at(static_cast<std::int64_t>(i) * 1000, log::Level::Info, "test", "much",
                  {{"text", text}});
  }
  auto lost = log::lost() - lost_before;
  CHECK(lost > 100);
  std::string got;
  auto read_all = [&] {
    char bytes[65536];
    for (ssize_t n; (n = ::read(reader, bytes, sizeof bytes)) > 0;)
      got.append(bytes, static_cast<std::size_t>(n));
  };
  read_all();
  CHECK(static_cast<std::uint64_t>(std::ranges::count(got, '\n')) == lines - lost);
  log::info("test", "again");
  got.clear();
  read_all();
  CHECK(got.contains("lost=" + std::to_string(lost)));
  CHECK(got.contains("test: again\n"));
  CHECK(log::lost() - lost_before == lost);

  // A line that is longer than what goes in at once is not left in two lines.
  log::info("test", "long", {{"text", std::string(200'000, 'y')}});
  got.clear();
  read_all();
  log::info("test", "after");
  read_all();
  CHECK(got.contains("yy\n"));
  CHECK(got.ends_with("test: after\n"));
  log::configure({.path = file.path});
  close(reader);
}

TEST_SUITE_END();

}  // namespace cirque
