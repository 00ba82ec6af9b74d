#include "config/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cirque/result.h"
#include "config/content_hash.h"
#include "config/history_file.h"

namespace cirque::config {
namespace {

// Of a row that begins with number, hash, time, source, note, trial.
Version version_in(const sqlite::Query& row) {
  Version version;
  version.number = static_cast<std::uint64_t>(row.number(0));
  version.hash = row.text(1);
  version.unix_time = row.number(2);
  version.source = row.text(3);
  version.note = row.text(4);
  version.is_trial = row.number(5) != 0;
  return version;
}

Version unnumbered(const NewVersion& entry) {
  return {.hash = content_hash(entry.sources),
          .unix_time = entry.unix_time,
          .source = entry.source,
          .note = entry.note,
          .sources = entry.sources,
          .is_trial = entry.is_trial};
}

}  // namespace

History::History(sqlite::Database database, std::string path, unsigned keep)
    : database_(std::move(database)), path_(std::move(path)), keep_(std::max(1U, keep)) {}

std::expected<History, std::string> History::open(const std::string& state_dir, unsigned keep) {
  return History(TRY(open_history_file(state_dir)), history_file_in(state_dir), keep);
}

std::expected<History, std::string> History::open_read_only(const std::string& state_dir) {
  return History(TRY(open_history_file_to_read(state_dir)), history_file_in(state_dir), kKeep);
}

std::expected<Version, std::string> History::add(const NewVersion& entry) {
  auto version = add_in_transaction(unnumbered(entry));
  if (!version) return told(version.error());
  return std::move(*version);
}

sqlite::Result<Version> History::add_in_transaction(Version version) {
  auto transaction = TRY(sqlite::Transaction::begin(database_));
  auto before = TRY(newest());
  if (before && before->hash == version.hash) {
    before->sources = std::move(version.sources);
    if (before->is_trial && !version.is_trial) {
      TRY(end_trial(before->number));
      TRY(transaction.commit());
      before->is_trial = false;
    }
    return std::move(*before);
  }
  TRY(insert(version));
  TRY(forget_old());
  TRY(transaction.commit());
  return version;
}

sqlite::Result<std::optional<Version>> History::newest() {
  sqlite::Query query(database_,
                      "SELECT number, hash, time, source, note, trial FROM version"
                      " ORDER BY number DESC LIMIT 1");
  std::optional<Version> version;
  if (query.next()) version = version_in(query);
  if (query.failed()) return std::unexpected(query.failure());
  return version;
}

sqlite::Result<Unit> History::insert(Version& version) {
  sqlite::Query query(database_,
                      "INSERT INTO version (hash, time, source, note, trial)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)");
  query.bind(version.hash).bind(version.unix_time).bind(version.source).bind(version.note);
  query.bind(std::int64_t{version.is_trial});
  TRY(query.finish());
  auto number = database_.last_row();
  version.number = static_cast<std::uint64_t>(number);
  for (std::int64_t place = 0; const auto& source : version.sources) {
    sqlite::Query file(database_,
                       "INSERT INTO file (version, place, path, text) VALUES (?1, ?2, ?3, ?4)");
    file.bind(number).bind(place++).bind(source.path).bind_blob(source.text);
    TRY(file.finish());
  }
  return done;
}

std::expected<Unit, std::string> History::confirm(std::uint64_t number) {
  auto ended = end_trial(number);
  if (!ended) return told(ended.error());
  return done;
}

sqlite::Result<Unit> History::end_trial(std::uint64_t number) {
  sqlite::Query query(database_, "UPDATE version SET trial = 0 WHERE number = ?1");
  return query.bind(static_cast<std::int64_t>(number)).finish();
}

// Their files go with them, by the foreign key.
sqlite::Result<Unit> History::forget_old() {
  sqlite::Query query(database_,
                      "DELETE FROM version WHERE number <="
                      " (SELECT number FROM version ORDER BY number DESC LIMIT 1 OFFSET ?1)");
  return query.bind(keep_).finish();
}

std::expected<std::vector<Version>, std::string> History::list() {
  sqlite::Query query(
      database_,
      "SELECT number, hash, time, source, note, trial FROM version ORDER BY number DESC");
  std::vector<Version> versions;
  while (query.next()) versions.push_back(version_in(query));
  if (query.failed()) return told(query.failure());
  return versions;
}

std::expected<Version, std::string> History::get(std::uint64_t number) {
  auto version = find(number);
  if (!version) return told(version.error());
  if (!*version) return std::unexpected(fmt::format("there is no version {}", number));
  if (content_hash((*version)->sources) != (*version)->hash) {
    return std::unexpected(
        fmt::format("{}: version {} is damaged: its texts are not those that "
                    "its hash was made of",
                    path_, number));
  }
  return std::move(**version);
}

// One query for both tables: between two, the writer might forget the version.
sqlite::Result<std::optional<Version>> History::find(std::uint64_t number) {
  constexpr int kPath = 6, kText = 7;
  sqlite::Query query(database_,
                      "SELECT number, hash, time, source, note, trial, path, text"
                      " FROM version LEFT JOIN file ON file.version = version.number"
                      " WHERE number = ?1 ORDER BY place");
  query.bind(static_cast<std::int64_t>(number));
  std::optional<Version> version;
  while (query.next()) {
    if (!version) version = version_in(query);
    bool has_file = !query.is_null(kPath);
    if (has_file) version->sources.push_back({query.text(kPath), query.text(kText)});
  }
  if (query.failed()) return std::unexpected(query.failure());
  return version;
}

std::unexpected<std::string> History::told(const sqlite::Failure& failure) const {
  return std::unexpected(fmt::format("{}: {}", path_, failure.message));
}

}  // namespace cirque::config
