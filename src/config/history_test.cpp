#include "config/history.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "config/content_hash.h"
#include "net/socket.h"

namespace cirque::config {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    char name[] = "/tmp/cirque_history_XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }

  ~Folder() { fs::remove_all(path); }

  std::string state() const { return path + "/state"; }

  std::string file() const { return state() + "/history.db"; }

  std::string path;
};

// A state folder with `text` in place of the database.
void spoil(const Folder& folder, const std::string& text) {
  fs::create_directories(folder.state());
  std::ofstream(folder.file(), std::ios::binary) << text;
}

History opened(const Folder& folder, unsigned keep = History::kKeep) {
  auto history = History::open(folder.state(), keep);
  REQUIRE_MESSAGE(history.has_value(), (history ? "" : history.error()));
  return std::move(*history);
}

NewVersion entry(std::string text, std::string note = "") {
  return {.unix_time = 1'700'000'000,
          .source = "start /etc/cirque/cirque.yaml",
          .note = std::move(note),
          .sources = {{"/etc/cirque/cirque.yaml", std::move(text)}}};
}

Version added(History& history, const NewVersion& what) {
  auto version = history.add(what);
  REQUIRE_MESSAGE(version.has_value(), (version ? "" : version.error()));
  return std::move(*version);
}

std::string numbers(History& history) {
  auto versions = history.list();
  REQUIRE(versions.has_value());
  std::string out;
  for (const auto& v : *versions) out += fmt::format("{}{}", out.empty() ? "" : " ", v.number);
  return out;
}

// As SQLite itself sees it, without what History does when it opens.
std::string asked(const std::string& file, const char* question) {
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
  std::string answer;
  auto take = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) += values[0] ? values[0] : "NULL";
    return 0;
  };
  char* error = nullptr;
  sqlite3_exec(handle, question, take, &answer, &error);
  if (error) answer += error;
  sqlite3_free(error);
  sqlite3_close(handle);
  return answer;
}

std::vector<std::string> damaged_in(const Folder& folder) {
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator(folder.state())) {
    auto name = file.path().filename().string();
    if (name.starts_with("history.db.damaged-")) names.push_back(name);
  }
  return names;
}

TEST_SUITE("config") {
  TEST_CASE("the content's hash tells paths, texts and where one ends") {
    CHECK(content_hash({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    std::vector<std::vector<Source>> different = {{{"a", "b"}},           {{"a", "c"}},
                                                  {{"ab", ""}},           {{"", "ab"}},
                                                  {{"a", ""}, {"b", ""}}, {{"a", ""}}};
    std::map<std::string, int> hashes;
    for (const auto& sources : different) ++hashes[content_hash(sources)];
    CHECK(hashes.size() == different.size());
  }

  TEST_CASE("a version comes back as it was put in") {
    Folder folder;
    auto what = entry("services: []\n", "try the new pool \xc3\xa4");
    what.sources.push_back({"/etc/cirque/more.yaml", std::string("\0\xff\n", 3)});
    what.sources.push_back({"/etc/cirque/empty.yaml", ""});
    auto added_version = added(*std::make_unique<History>(opened(folder)), what);
    CHECK(added_version.number == 1);
    CHECK(added_version.sources == what.sources);
    auto history = opened(folder);
    auto version = history.get(1);
    REQUIRE(version.has_value());
    CHECK(version->number == 1);
    CHECK(version->hash == content_hash(what.sources));
    CHECK(version->short_hash() == version->hash.substr(0, 12));
    CHECK(version->unix_time == what.unix_time);
    CHECK(version->source == what.source);
    CHECK(version->note == what.note);
    CHECK(version->sources == what.sources);
    CHECK(history.get(2).error() == "there is no version 2");
    CHECK(history.get(~0ULL).error() == "there is no version 18446744073709551615");
  }

  TEST_CASE("the history lists the newest first, without texts") {
    Folder folder;
    auto history = opened(folder);
    CHECK(numbers(history).empty());
    for (auto text : {"a", "b", "c"}) added(history, entry(text));
    CHECK(numbers(history) == "3 2 1");
    CHECK(history.list()->front().sources.empty());
  }

  TEST_CASE("the same content again is no new version") {
    Folder folder;
    auto history = opened(folder);
    added(history, entry("a", "first"));
    auto again = added(history, entry("a", "second"));
    CHECK(again.number == 1);
    CHECK(again.note == "first");
    CHECK(again.sources == entry("a").sources);
    CHECK(added(history, entry("b")).number == 2);
    CHECK(added(history, entry("a")).number == 3);  // a rollback is a version
    CHECK(numbers(history) == "3 2 1");
  }

  TEST_CASE("the oldest versions are forgotten with their texts") {
    Folder folder;
    auto history = opened(folder, 3);
    for (int i = 0; i < 10; ++i) added(history, entry(fmt::format("{}", i)));
    CHECK(numbers(history) == "10 9 8");
    CHECK_FALSE(history.get(7).has_value());
    CHECK(history.get(8)->sources[0].text == "7");
    CHECK(asked(folder.file(), "SELECT count(*) FROM file") == "3");
    auto fewer = opened(folder, 0);  // one is always kept
    CHECK(added(fewer, entry("x")).number == 11);
    CHECK(numbers(fewer) == "11");
  }

  TEST_CASE("a number is never given twice") {
    Folder folder;
    for (int i = 1; i <= 5; ++i) {
      auto history = opened(folder, 1);
      CHECK(added(history, entry(fmt::format("{}", i))).number == static_cast<unsigned>(i));
    }
    asked(folder.file(), "DELETE FROM file; DELETE FROM version");
    auto history = opened(folder);
    CHECK(added(history, entry("after all are gone")).number == 6);
  }

  TEST_CASE("what an operator configured is for the operator's eyes") {
    Folder folder;
    auto history = opened(folder);
    added(history, entry("a"));
    struct stat info{};
    REQUIRE(stat(folder.state().c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0700);
    for (auto end : {"", "-wal", "-shm"}) {
      CAPTURE(end);
      REQUIRE(stat((folder.file() + end).c_str(), &info) == 0);
      CHECK((info.st_mode & 07777) == 0600);
    }
  }

  TEST_CASE("a damaged history is moved aside and a new one begins") {
    Folder folder;
    SUBCASE("no database at all") {
      spoil(folder, std::string(5000, 'x'));
    }
    SUBCASE("zeros in the midst of it") {
      {
        auto history = opened(folder);
        for (int i = 0; i < 20; ++i) added(history, entry(std::string(3000, char('a' + i))));
      }
      auto size = fs::file_size(folder.file());
      std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(4096);
      std::string zeros(size - 8192, '\0');
      file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    }
    SUBCASE("its end is missing, and its log belongs to it alone") {
      {
        added(*std::make_unique<History>(opened(folder)), entry(std::string(50'000, 'a')));
      }
      fs::resize_file(folder.file(), 3 * 4096);
      std::ofstream(folder.file() + "-wal") << "a log";
    }
    auto history = opened(folder);
    CHECK(added(history, entry("anew")).number == 1);
    CHECK(history.get(1)->sources[0].text == "anew");
    auto names = damaged_in(folder);
    REQUIRE_FALSE(names.empty());
    auto aside = opened(folder);  // the new one is sound
    CHECK(numbers(aside) == "1");
    CHECK(damaged_in(folder) == names);
  }

  TEST_CASE("a text that changed in the file is not handed out") {
    Folder folder;
    auto history = opened(folder);
    added(history, entry("upstreams: a"));
    asked(folder.file(), "UPDATE file SET text = 'upstreams: b'");
    CHECK(history.get(1).error().contains("version 1 is damaged"));
  }

  TEST_CASE("a history that an older program made is brought up to date, whole") {
    Folder folder;
    opened(folder).add(entry("one")).value();
    asked(folder.file(), "ALTER TABLE version DROP COLUMN trial");
    asked(folder.file(), "PRAGMA user_version = 1");
    CHECK(History::open_read_only(folder.state()).error().contains("made by an older cirque"));
    auto history = opened(folder);
    CHECK(history.get(1).value().sources.front().text == "one");
    CHECK_FALSE(history.get(1).value().is_trial);
    CHECK(damaged_in(folder).empty());
  }

  TEST_CASE("a trial is one until it is confirmed, or put to use for good") {
    Folder folder;
    auto history = opened(folder);
    for (auto text : {"one", "two"}) {
      auto trial = entry(text);
      trial.is_trial = true;
      CHECK(history.add(trial).value().is_trial);
    }
    CHECK(history.confirm(1).has_value());
    CHECK_FALSE(history.get(1).value().is_trial);
    CHECK(history.list().value().front().is_trial);
    CHECK_FALSE(history.add(entry("two")).value().is_trial);
    CHECK_FALSE(history.get(2).value().is_trial);
  }

  TEST_CASE("a history that a newer program made is left alone") {
    Folder folder;
    opened(folder);
    asked(folder.file(), "PRAGMA user_version = 7");
    CHECK(History::open(folder.state()).error().contains("made by a newer cirque"));
    CHECK(History::open_read_only(folder.state()).error().contains("its schema is 7"));
    CHECK(damaged_in(folder).empty());
  }

  TEST_CASE("a folder that cannot be made is told by name") {
    Folder folder;
    std::ofstream(folder.path + "/state") << "a file";
    auto error = History::open(folder.state()).error();
    CHECK_MESSAGE(error == folder.state() + ": Not a directory", error);
  }

  TEST_CASE("two who open at once share one history") {
    Folder folder;
    SUBCASE("that begins") {}
    SUBCASE("that is damaged") {
      spoil(folder, "not a database, and long enough to look at it");
    }
    constexpr int kOpeners = 8;
    {
      std::vector<std::jthread> openers;
      for (int i = 0; i < kOpeners; ++i) {
        openers.emplace_back([&folder, i] {
          auto history = History::open(folder.state());
          if (history) static_cast<void>(history->add(entry(fmt::format("{}", i))));
        });
      }
    }
    auto history = opened(folder);
    CHECK(numbers(history) == "8 7 6 5 4 3 2 1");
    CHECK(damaged_in(folder).size() <= 1);
  }

  TEST_CASE("a reader sees what is written, and can change nothing") {
    Folder folder;
    auto none = folder.state() + ": no history is kept there";
    CHECK(History::open_read_only(folder.state()).error() == none);
    spoil(folder, "");  // as it is for a moment while it is being made
    CHECK(History::open_read_only(folder.state()).error() == none);
    auto writer = opened(folder);
    auto reader = History::open_read_only(folder.state());
    REQUIRE(reader.has_value());
    added(writer, entry("a"));
    CHECK(numbers(*reader) == "1");
    CHECK(reader->get(1)->sources[0].text == "a");
    CHECK(reader->add(entry("b")).error().contains("readonly"));
    added(writer, entry("b"));
    CHECK(numbers(*reader) == "2 1");
  }

  TEST_CASE("a reader does not keep the writer waiting, nor the writer a reader") {
    Folder folder;
    auto writer = opened(folder);
    added(writer, entry("a"));
    auto database = sqlite::Database::open(folder.file(), sqlite::Access::ReadOnly);
    REQUIRE(database.has_value());
    sqlite::Query reading(*database, "SELECT number FROM version");
    REQUIRE(reading.next());
    CHECK(added(writer, entry("b")).number == 2);
    auto other = sqlite::Database::open(folder.file(), sqlite::Access::ReadWrite);
    REQUIRE(other.has_value());
    auto writing = sqlite::Transaction::begin(*other);
    REQUIRE(writing.has_value());
    auto reader = History::open_read_only(folder.state());
    REQUIRE(reader.has_value());
    CHECK(numbers(*reader) == "2 1");
  }
}

// --- killed -------------------------------------------------------------------------------------

// What the writer says about a version that add() has returned.
struct Committed {
  std::uint64_t number = 0;
  std::uint64_t seed = 0;
};

// Several pages, so that a version is many writes.
std::string text_of(std::uint64_t seed) {
  std::string line = fmt::format("# {}\n", seed), text;
  while (text.size() < 20'000) text += line;
  return text;
}

[[noreturn]] void write_until_killed(const std::string& state, unsigned keep, std::uint64_t seed,
                                     int to) {
  auto history = History::open(state, keep);
  for (;; ++seed) {
    auto version = history ? history->add(entry(text_of(seed))) : Version{};
    Committed said{version ? version->number : 0, seed};
    if (write(to, &said, sizeof said) != sizeof said || said.number == 0) _exit(1);
  }
}

using Clock = std::chrono::steady_clock;

// What was said until the moment came, the writer was killed, and the pipe was empty.
std::vector<Committed> kill_one(const std::string& state, unsigned keep, std::uint64_t seed,
                                Clock::duration after) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  net::Fd reading(ends[0]), writing(ends[1]);
  pid_t writer = fork();
  REQUIRE(writer >= 0);
  if (writer == 0) write_until_killed(state, keep, seed, writing.get());
  writing = net::Fd();
  std::vector<Committed> said;
  Committed one;
  auto take = [&] { return read(reading.get(), &one, sizeof one) == sizeof one; };
  auto until = Clock::now() + after;
  for (auto now = Clock::now(); now < until; now = Clock::now()) {
    auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(until - now).count();
    timespec patience{rest / 1'000'000'000, rest % 1'000'000'000};
    pollfd ready{reading.get(), POLLIN, 0};
    if (ppoll(&ready, 1, &patience, nullptr) == 1 && take()) said.push_back(one);
  }
  kill(writer, SIGKILL);
  while (take()) said.push_back(one);
  int status = 0;
  waitpid(writer, &status, 0);
  CHECK(WIFSIGNALED(status));
  return said;
}

void check_survival(unsigned keep) {
  constexpr int kKills = 30;
  Folder folder;
  auto random_seed = std::random_device()();
  CAPTURE(random_seed);
  std::mt19937 random(random_seed);
  std::uniform_int_distribution<int> moment_us(0, 60'000);
  std::map<std::uint64_t, std::uint64_t> seeds;  // by number, of all that was ever said
  for (int i = 0; i < kKills; ++i) {
    auto after = std::chrono::microseconds(moment_us(random));
    auto seed = static_cast<std::uint64_t>(i) * 1'000'000;
    for (auto said : kill_one(folder.state(), keep, seed, after)) {
      CHECK(seeds.emplace(said.number, said.seed).second);  // no number twice
    }
    if (!fs::exists(folder.file())) continue;  // killed before there was a file
    CHECK(asked(folder.file(), "PRAGMA integrity_check") == "ok");
  }
  REQUIRE_FALSE(seeds.empty());
  auto history = opened(folder, keep);
  auto newest = history.list()->front().number;
  CHECK(newest >= seeds.rbegin()->first);
  for (auto [number, seed] : seeds) {
    if (number + keep <= newest) continue;
    CAPTURE(number);
    auto version = history.get(number);
    REQUIRE_MESSAGE(version.has_value(), (version ? "" : version.error()));
    CHECK(version->sources == entry(text_of(seed)).sources);
  }
  CHECK(history.list()->size() == std::min<std::uint64_t>(keep, newest));
  CHECK(damaged_in(folder).empty());
}

TEST_SUITE("config") {
  TEST_CASE("a history survives kill -9 at any moment, with every version that it said it has") {
    check_survival(1'000'000);
  }

  TEST_CASE("a history survives kill -9 at any moment while it forgets") {
    check_survival(5);
  }
}

}  // namespace
}  // namespace cirque::config
