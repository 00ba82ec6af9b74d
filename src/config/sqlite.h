#pragma once
// SQLite with owners and results: a database, a prepared query, a transaction. All of a database is
// used by one thread at a time, and never by a process that was forked from its opener: the locks
// stay behind.
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "cirque/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cirque::config::sqlite {

struct Failure {
  int code = 0;  // SQLite's, the extended one
  std::string message;

  bool is_damage() const noexcept;  // the file is not a database, or not a sound one
};

// What a check of the database has found.
Failure damage(std::string found);

template <class T>
using Result = std::expected<T, Failure>;

enum class Access : std::uint8_t { ReadOnly, ReadWrite };

class Database {
 public:
  // The file must exist. A lock that another process holds is waited for, up to kBusyTimeoutMs.
  static Result<Database> open(const std::string& path, Access access);

  // Statements without parameters and without rows.
  Result<Unit> run(const char* statements);
  // Since the last insert, of this connection.
  std::int64_t last_row() const noexcept;
  Failure failure() const;

 private:
  friend class Query;

  struct Close {
    void operator()(sqlite3* handle) const noexcept;
  };

  explicit Database(sqlite3* handle) : handle_(handle) {}

  std::unique_ptr<sqlite3, Close> handle_;
};

// Bind what stands for ?1, ?2, ... in this order, then take row after row. The first thing that
// goes wrong stays: next() is false from then on, and failed() says so.
//   Query query(database, "SELECT note FROM version WHERE number = ?1");
//   query.bind(number);
//   while (query.next()) ... query.text(0) ...
//   if (query.failed()) ... query.failure() ...
class Query {
 public:
  Query(Database& database, std::string_view sql);

  // The bytes must live until the query has ended.
  Query& bind(std::string_view text);
  Query& bind_blob(std::string_view bytes);
  Query& bind(std::int64_t number);

  bool next();
  bool failed() const noexcept;

  const Failure& failure() const noexcept { return failure_; }

  // For a query without rows, or whose rows do not matter.
  Result<Unit> finish();

  // Of the row that next() has come to.
  bool is_null(int column) const noexcept;
  std::int64_t number(int column) const noexcept;
  std::string text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };

  void expect(int code);

  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  Failure failure_;
  int bound_ = 0;
};

// Rolled back unless it was committed.
class Transaction {
 public:
  // Waits for another writer's to end, so that what is read inside is still so when it is written.
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Result<Unit> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;  // null: it has ended
};

}  // namespace cirque::config::sqlite
