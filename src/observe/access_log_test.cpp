#include "observe/access_log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/text.h"

namespace cirque::observe {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

struct Folder {
  Folder() {
    char name[] = "/tmp/cirque_access_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
    file = path / "access.log";
  }

  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  ~Folder() { fs::remove_all(path); }

  AccessLogOptions options(std::size_t ring_bytes = 1 << 20) const {
    return {.output = "file", .path = file, .ring_bytes = ring_bytes};
  }

  fs::path path;
  fs::path file;
};

void write_line(AccessLog::Writer& writer, std::string_view id, std::string_view target = "/") {
  AccessEntry entry;
  entry.request_id = id;
  entry.method = "GET";
  entry.target = target;
  entry.status = 200;
  writer.write(entry);
}

// The value of a text in one of our JSON lines.
std::string value_in(const std::string& line, std::string_view key) {
  auto from = line.find("\"" + std::string(key) + "\":\"") + key.size() + 4;
  return line.substr(from, line.find('"', from) - from);
}

// The mask of blocked signals of the log's own thread.
std::uint64_t blocked_in_log_thread() {
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ostringstream stream;
    stream << std::ifstream(task.path() / "status").rdbuf();
    auto status = stream.str();
    if (!status.starts_with("Name:\tcirque-log\n")) continue;
    return std::stoull(status.substr(status.find("SigBlk:\t") + 8, 16), nullptr, 16);
  }
  return 0;
}

std::uint64_t count_lines_until_end(int fd) {
  std::uint64_t lines = 0;
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) {
    lines += static_cast<std::uint64_t>(std::count(buffer, buffer + n, '\n'));
  }
  return lines;
}

// The application log in a file, while it lives.
struct ToldTo {
  explicit ToldTo(const fs::path& path) { log::configure({.path = path}); }

  ToldTo(const ToldTo&) = delete;
  ToldTo& operator=(const ToldTo&) = delete;

  ~ToldTo() { log::configure({}); }
};

}  // namespace

TEST_SUITE_BEGIN("observe");

TEST_CASE("what was written before flush() is in the file after it") {
  Folder folder;
  AccessLog access_log(folder.options(), 1);
  REQUIRE(access_log.is_open());
  write_line(access_log.writer(0), "one", "/a");
  access_log.flush();
  REQUIRE(lines_of(folder.file).size() == 1);
  write_line(access_log.writer(0), "two", "/b");
  access_log.flush();
  auto lines = lines_of(folder.file);
  REQUIRE(lines.size() == 2);
  CHECK(value_in(lines[1], "request_id") == "two");
  CHECK(value_in(lines[1], "path") == "/b");
}

TEST_CASE("nothing is lost when the log ends") {
  Folder folder;
  constexpr unsigned kWriters = 3, kLines = 200;
  {
    AccessLog access_log(folder.options(), kWriters);
    for (unsigned i = 0; i < kWriters * kLines; ++i)
      write_line(access_log.writer(i % kWriters), "x");
  }
  CHECK(lines_of(folder.file).size() == kWriters * kLines);
}

TEST_CASE("a sleeping log wakes up by itself for a line") {
  Folder folder;
  AccessLog access_log(folder.options(), 1);
  access_log.flush();
  write_line(access_log.writer(0), "x");
  while (lines_of(folder.file).empty()) std::this_thread::yield();
  CHECK(lines_of(folder.file).size() == 1);
}

TEST_CASE("records go round the ring whole, whatever their sizes") {
  Folder folder;
  constexpr std::size_t kRingBytes = std::size_t{64} * 1024;
  constexpr unsigned kLines = 5000;  // some twenty rounds
  AccessLog access_log(folder.options(kRingBytes), 1);
  auto target_of = [](unsigned i) { return "/" + std::string(i * 37 % 700, 'a'); };
  for (unsigned i = 0; i < kLines; ++i) {
    write_line(access_log.writer(0), std::to_string(i), target_of(i));
    if (i % 32 == 31) access_log.flush();
  }
  access_log.flush();
  CHECK(access_log.dropped() == 0);
  auto lines = lines_of(folder.file);
  REQUIRE(lines.size() == kLines);
  for (unsigned i = 0; i < kLines; ++i) {
    REQUIRE(value_in(lines[i], "request_id") == std::to_string(i));
    REQUIRE(value_in(lines[i], "path") == target_of(i));
  }
}

TEST_CASE("a client on a unix socket is written, and its address given back") {
  Folder folder;
  AccessLog access_log(folder.options(), 1);
  AccessEntry entry;
  entry.client = Address::parse("unix:/run/client.sock").value();
  access_log.writer(0).write(entry);
  access_log.flush();
  CHECK(value_in(lines_of(folder.file).at(0), "client") == "unix:");
}

TEST_CASE("long texts are cut") {
  Folder folder;
  AccessLog access_log(folder.options(), 1);
  write_line(access_log.writer(0), std::string(100'000, 'i'), std::string(100'000, 't'));
  access_log.flush();
  auto line = lines_of(folder.file).at(0);
  CHECK(value_in(line, "request_id").size() == 512);
  CHECK(value_in(line, "path").size() == 2048);
}

TEST_CASE("a full ring drops records and counts them") {
  Folder folder;
  REQUIRE(mkfifo(folder.file.c_str(), 0600) == 0);
  int reader = open(folder.file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  fcntl(reader, F_SETFL, 0);
  // Nobody reads yet: the pipe fills up, then the log's thread is stuck, then the ring fills up.
  auto access_log = std::make_unique<AccessLog>(folder.options(std::size_t{64} * 1024), 1);
  std::uint64_t written = 0;
  for (; access_log->dropped() < 10; ++written) {
    write_line(access_log->writer(0), "x", std::string(500, 'a'));
  }
  std::uint64_t lines = 0;
  std::thread counter([&] { lines = count_lines_until_end(reader); });
  access_log.reset();  // which ends the pipe
  counter.join();
  close(reader);
  CHECK(lines == written - 10);
}

TEST_CASE("a disk that is full loses lines, counts them and is told once") {
  Folder folder;
  fs::create_symlink("/dev/full", folder.file);
  auto told = folder.path / "cirque.log";
  {
    ToldTo telling(told);
    AccessLog access_log(folder.options(), 1);
    for (int i = 0; i < 3; ++i) {
      write_line(access_log.writer(0), "x");
      access_log.flush();
    }
    CHECK(access_log.dropped() == 3);
    fs::remove(folder.file);
    access_log.reopen();
    access_log.flush();
    write_line(access_log.writer(0), "x");
    access_log.flush();
  }
  CHECK(lines_of(folder.file).size() == 1);
  auto lines = lines_of(told);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].contains("lines are lost error=\"No space left on device\""));
  CHECK(lines[1].contains("written again lines_lost=3"));
}

TEST_CASE("after half a line the next one starts afresh") {
  Folder folder;
  ToldTo telling("/dev/null");
  AccessLog access_log(folder.options(), 1);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 1000;  // the log's thread has SIGXFSZ blocked
  setrlimit(RLIMIT_FSIZE, &small);
  write_line(access_log.writer(0), "first", std::string(1500, 'a'));
  access_log.flush();
  setrlimit(RLIMIT_FSIZE, &before);
  write_line(access_log.writer(0), "second");
  access_log.flush();
  CHECK(access_log.dropped() == 1);
  auto lines = lines_of(folder.file);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].size() == 1000);
  CHECK(value_in(lines[1], "request_id") == "second");
}

TEST_CASE("after a rotation lines go to the new file") {
  Folder folder;
  AccessLog access_log(folder.options(), 1);
  write_line(access_log.writer(0), "before");
  access_log.flush();
  auto rotated = folder.path / "access.log.1";
  fs::rename(folder.file, rotated);
  write_line(access_log.writer(0), "between");
  access_log.reopen();
  access_log.flush();
  write_line(access_log.writer(0), "after");
  access_log.flush();
  auto old_lines = lines_of(rotated);
  REQUIRE(old_lines.size() == 2);
  CHECK(value_in(old_lines[1], "request_id") == "between");
  auto new_lines = lines_of(folder.file);
  REQUIRE(new_lines.size() == 1);
  CHECK(value_in(new_lines[0], "request_id") == "after");
}

TEST_CASE("where the new file cannot be opened the old one stays") {
  Folder folder;
  ToldTo telling(folder.path / "cirque.log");
  fs::create_directory(folder.path / "logs");
  auto options = folder.options();
  options.path = folder.path / "logs" / "access.log";
  AccessLog access_log(options, 1);
  fs::rename(folder.path / "logs", folder.path / "moved");
  access_log.reopen();
  access_log.flush();
  write_line(access_log.writer(0), "x");
  access_log.flush();
  CHECK(lines_of(folder.path / "moved" / "access.log").size() == 1);
  CHECK(lines_of(folder.path / "cirque.log").at(0).contains("cannot reopen the access log"));
}

TEST_CASE("a file that cannot be opened is seen at the start") {
  AccessLog access_log({.output = "file", .path = "/nonexistent/access.log"}, 1);
  CHECK(!access_log.is_open());
}

TEST_CASE("the log's thread takes no signal that is meant for others") {
  Folder folder;
  AccessLog access_log(folder.options(), 1);
  access_log.flush();  // the thread has begun
  auto blocked = blocked_in_log_thread();
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE}) {
    CHECK((blocked >> (signal - 1) & 1) == 1);
  }
  sigset_t ours;
  pthread_sigmask(SIG_BLOCK, nullptr, &ours);
  CHECK(sigismember(&ours, SIGTERM) == 0);
}

TEST_CASE("writers, flushes and rotations on many threads lose and mix nothing") {
  Folder folder;
  constexpr unsigned kWriters = 4, kLines = 2000;
  AccessLog access_log(folder.options(std::size_t{256} * 1024), kWriters);
  {
    std::vector<std::jthread> threads;  // joined at the end of the block
    threads.reserve(kWriters + 1);
    for (unsigned w = 0; w < kWriters; ++w) {
      threads.emplace_back([&access_log, w] {
        auto target = "/" + std::to_string(w);
        for (unsigned i = 0; i < kLines; ++i) {
          write_line(access_log.writer(w), std::to_string(i), target);
        }
      });
    }
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        if (i % 10 == 0) access_log.reopen();
        access_log.flush();
      }
    });
  }
  access_log.flush();
  auto lines = lines_of(folder.file);
  CHECK(lines.size() + access_log.dropped() == kWriters * kLines);
  std::map<std::string, std::uint64_t> next;
  for (const auto& line : lines) {
    auto number = base::parse_number(value_in(line, "request_id")).value();
    auto& expected = next[value_in(line, "path")];
    REQUIRE(number >= expected);  // in order; a gap is a record that was dropped
    expected = number + 1;
  }
  CHECK(next.size() == kWriters);
}

TEST_SUITE_END();

}  // namespace cirque::observe
