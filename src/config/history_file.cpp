#include "config/history_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "net/socket.h"

namespace cirque::config {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSchema = 2;  // PRAGMA user_version; 0 is a database that is still empty

// AUTOINCREMENT remembers the highest number that was ever given, also when its row is gone.
constexpr const char* kMakeSchema =
    "CREATE TABLE version ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  hash TEXT NOT NULL,"
    "  time INTEGER NOT NULL,"
    "  source TEXT NOT NULL,"
    "  note TEXT NOT NULL,"
    "  trial INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE file ("
    "  version INTEGER NOT NULL REFERENCES version (number) ON DELETE CASCADE,"
    "  place INTEGER NOT NULL,"
    "  path TEXT NOT NULL,"
    "  text BLOB NOT NULL,"
    "  PRIMARY KEY (version, place));"
    "PRAGMA user_version = 2";

// From the schema before.
constexpr const char* kAddTrials =
    "ALTER TABLE version ADD COLUMN trial INTEGER NOT NULL DEFAULT 0; PRAGMA user_version = 2";

// FULL: a commit has reached the disk when it returns, also with a write-ahead log.
constexpr const char* kPerConnection = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";

std::unexpected<std::string> failed(const std::string& path, std::string_view what) {
  return std::unexpected(fmt::format("{}: {}", path, what));
}

std::unexpected<std::string> failed_by_system(const std::string& path) {
  return failed(path, std::strerror(errno));
}

// Of those who open to write: between finding a database damaged and moving it aside, nobody else
// may have put a sound one in its place. Ends with the descriptor.
using FolderLock = net::Fd;

std::expected<Unit, std::string> make_folder(const std::string& folder) {
  std::error_code error;
  auto parent = fs::absolute(folder, error).lexically_normal().parent_path();
  fs::create_directories(parent, error);
  if (error) return failed(parent.string(), error.message());
  if (mkdir(folder.c_str(), 0700) == 0) {
    net::Fd above(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    fsync(above.get());
    return done;
  }
  if (errno == EEXIST) return done;
  return failed_by_system(folder);
}

std::expected<FolderLock, std::string> lock_folder(const std::string& folder) {
  FolderLock lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock) return failed_by_system(folder);
  while (flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return failed_by_system(folder);
  }
  return lock;
}

// SQLite would make it readable for everybody; its other files take their mode from this one.
// Never an open and close of one that is there: closing drops the locks that this process has on
// it.
std::expected<Unit, std::string> make_file(const std::string& path, const FolderLock& folder) {
  net::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) {
    if (errno == EEXIST) return done;
    return failed_by_system(path);
  }
  fsync(folder.get());
  return done;
}

sqlite::Result<std::int64_t> schema_of(sqlite::Database& database) {
  sqlite::Query query(database, "PRAGMA user_version");
  auto version = query.next() ? query.number(0) : 0;
  if (query.failed()) return std::unexpected(query.failure());
  return version;
}

// What is wrong with it, or nothing.
sqlite::Result<Unit> check(sqlite::Database& database) {
  sqlite::Query query(database, "PRAGMA integrity_check(1)");
  if (query.next() && query.text(0) != "ok") return std::unexpected(sqlite::damage(query.text(0)));
  return query.finish();
}

sqlite::Result<Unit> make_schema(sqlite::Database& database, const char* statements) {
  auto transaction = TRY(sqlite::Transaction::begin(database));
  TRY(database.run(statements));
  return transaction.commit();
}

// With a write-ahead log readers and the writer do not wait for each other. Where the file system
// cannot have one, the database works without: that is why the answer does not matter.
void use_write_ahead_log(sqlite::Database& database) {
  static_cast<void>(database.run("PRAGMA journal_mode = WAL"));
}

struct Sound {
  sqlite::Database database;
  std::int64_t schema;
};

sqlite::Result<Sound> open_sound(const std::string& path) {
  auto database = TRY(sqlite::Database::open(path, sqlite::Access::ReadWrite));
  TRY(check(database));
  auto schema = TRY(schema_of(database));
  use_write_ahead_log(database);
  if (schema == 0 || schema == 1) {
    TRY(make_schema(database, schema == 0 ? kMakeSchema : kAddTrials));
    schema = kSchema;
  }
  TRY(database.run(kPerConnection));
  return Sound{std::move(database), schema};
}

// Under a name that nothing has yet.
std::string name_aside(const std::string& path) {
  auto time = static_cast<std::int64_t>(std::time(nullptr));
  std::error_code error;
  for (;; ++time) {
    auto aside = fmt::format("{}.damaged-{}", path, time);
    if (!fs::exists(aside, error)) return aside;
  }
}

// With its write-ahead log, which must never meet the new database; and the log first, as a kill
// between the two leaves a damaged database that will be moved the next time.
std::expected<Unit, std::string> move_aside(const std::string& path, std::string_view why) {
  auto aside = name_aside(path);
  std::rename((path + "-wal").c_str(), (aside + "-wal").c_str());
  unlink((path + "-shm").c_str());
  if (std::rename(path.c_str(), aside.c_str()) != 0) return failed_by_system(path);
  log::warn("config", "the configuration history was damaged: moved aside, a new one begins",
            {{"file", path}, {"moved_to", aside}, {"error", why}});
  return done;
}

std::unexpected<std::string> is_older(const std::string& path) {
  return failed(path, "made by an older cirque; it is brought up to date when this one starts");
}

std::unexpected<std::string> is_newer(const std::string& path, std::int64_t schema) {
  return failed(
      path, fmt::format("made by a newer cirque (its schema is {}, this program knows {})", schema,
                        kSchema));
}

}  // namespace

std::string history_file_in(const std::string& state_dir) {
  return (fs::path(state_dir) / "history.db").string();
}

std::expected<sqlite::Database, std::string> open_history_file(const std::string& state_dir) {
  auto path = history_file_in(state_dir);
  TRY(make_folder(state_dir));
  auto lock = TRY(lock_folder(state_dir));
  TRY(make_file(path, lock));
  auto opened = open_sound(path);
  if (!opened && opened.error().is_damage()) {
    TRY(move_aside(path, opened.error().message));
    TRY(make_file(path, lock));
    opened = open_sound(path);
  }
  if (!opened) return failed(path, opened.error().message);
  if (opened->schema != kSchema) return is_newer(path, opened->schema);
  return std::move(opened->database);
}

std::expected<sqlite::Database, std::string> open_history_file_to_read(
    const std::string& state_dir) {
  auto path = history_file_in(state_dir);
  auto none = fmt::format("{}: no history is kept there", state_dir);
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::unexpected(none);
  auto database = sqlite::Database::open(path, sqlite::Access::ReadOnly);
  if (!database) return failed(path, database.error().message);
  auto schema = schema_of(*database);
  if (!schema) return failed(path, schema.error().message);
  if (*schema == 0) return std::unexpected(none);
  if (*schema < kSchema) return is_older(path);
  if (*schema > kSchema) return is_newer(path, *schema);
  return std::move(*database);
}

}  // namespace cirque::config
