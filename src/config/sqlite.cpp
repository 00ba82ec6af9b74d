#include "config/sqlite.h"

#include <sqlite3.h>

#include <utility>

namespace cirque::config::sqlite {
namespace {

// A commit waits for the disk, and a disk that is busy takes a second or two.
constexpr int kBusyTimeoutMs = 5000;

}  // namespace

bool Failure::is_damage() const noexcept {
  int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

Failure damage(std::string found) {
  return {SQLITE_CORRUPT, std::move(found)};
}

Result<Database> Database::open(const std::string& path, Access access) {
  int flags = access == Access::ReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  sqlite3* handle = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  if (!handle) return std::unexpected(Failure{code, sqlite3_errstr(code)});
  Database database(handle);  // also of one that could not be opened
  if (code != SQLITE_OK) return std::unexpected(database.failure());
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return database;
}

Result<Unit> Database::run(const char* statements) {
  if (sqlite3_exec(handle_.get(), statements, nullptr, nullptr, nullptr) == SQLITE_OK) return done;
  return std::unexpected(failure());
}

std::int64_t Database::last_row() const noexcept {
  return sqlite3_last_insert_rowid(handle_.get());
}

Failure Database::failure() const {
  return {sqlite3_extended_errcode(handle_.get()), sqlite3_errmsg(handle_.get())};
}

void Database::Close::operator()(sqlite3* handle) const noexcept {
  sqlite3_close_v2(handle);
}

Query::Query(Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  expect(sqlite3_prepare_v2(database.handle_.get(), sql.data(), static_cast<int>(sql.size()),
                            &statement, nullptr));
  statement_.reset(statement);
}

Query& Query::bind(std::string_view text) {
  if (failed()) return *this;
  expect(sqlite3_bind_text64(statement_.get(), ++bound_, text.data(), text.size(), SQLITE_STATIC,
                             SQLITE_UTF8));
  return *this;
}

Query& Query::bind_blob(std::string_view bytes) {
  if (failed()) return *this;
  // Without a pointer it would be NULL, which is not the same as no bytes.
  const char* data = bytes.empty() ? "" : bytes.data();
  expect(sqlite3_bind_blob64(statement_.get(), ++bound_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Query& Query::bind(std::int64_t number) {
  if (failed()) return *this;
  expect(sqlite3_bind_int64(statement_.get(), ++bound_, number));
  return *this;
}

bool Query::next() {
  if (failed()) return false;
  int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) expect(code);
  return false;
}

bool Query::failed() const noexcept {
  return failure_.code != SQLITE_OK;
}

Result<Unit> Query::finish() {
  while (next()) {
  }
  if (failed()) return std::unexpected(failure_);
  return done;
}

bool Query::is_null(int column) const noexcept {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Query::number(int column) const noexcept {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Query::text(int column) const {
  // The pointer first: it is what decides in which form the bytes are counted.
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes ? std::string(bytes, size) : std::string();
}

void Query::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

void Query::expect(int code) {
  if (code != SQLITE_OK) failure_ = database_.failure();
}

Result<Transaction> Transaction::begin(Database& database) {
  TRY(database.run("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (database_) static_cast<void>(database_->run("ROLLBACK"));
}

Result<Unit> Transaction::commit() {
  auto committed = database_->run("COMMIT");
  if (committed) database_ = nullptr;
  return committed;
}

}  // namespace cirque::config::sqlite
