#pragma once
// The configurations that were put to use, numbered from 1, in `<state_dir>/history.db`: what each
// was, since when, and who asked for it. The newest that is no trial is the last good one.
//
// A version counts once add() has returned it: it is on the disk then, and whatever kills the
// process leaves every version before it whole. One thread uses a History; open it after the last
// fork(). add() waits for the disk.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/source.h"
#include "config/sqlite.h"

namespace cirque::config {

struct NewVersion {
  std::int64_t unix_time = 0;
  std::string source;  // how it came: "start /etc/cirque/cirque.yaml", "rollback to 3"
  std::string note;    // the operator's, may be empty
  std::vector<Source> sources;
  bool is_trial = false;  // nobody has confirmed it yet
};

struct Version {
  std::uint64_t number = 0;
  std::string hash;  // content_hash() of its sources
  std::int64_t unix_time = 0;
  std::string source;
  std::string note;
  std::vector<Source> sources;  // in the order in which they were given; none in a list()
  bool is_trial = false;        // nobody has confirmed it

  // What people are shown.
  std::string_view short_hash() const noexcept { return std::string_view(hash).substr(0, 12); }
};

class History {
 public:
  static constexpr unsigned kKeep = 50;

  // For the one process that writes: makes the folder (0700) and the file (0600) where they are
  // missing. A damaged file is moved aside to history.db.damaged-<unix time>, which the log tells,
  // and a new history begins at 1.
  static std::expected<History, std::string> open(const std::string& state_dir,
                                                  unsigned keep = kKeep);
  // Beside a process that writes, and without keeping it waiting. Changes and mends nothing.
  static std::expected<History, std::string> open_read_only(const std::string& state_dir);

  // Forgets the oldest beyond `keep`; numbers are never given twice. What has the same content as
  // the newest is no new version: that one is returned, with its own time, source and note; it is
  // no trial any more if this is none.
  std::expected<Version, std::string> add(const NewVersion& entry);

  // It was a trial, and is to stay.
  std::expected<Unit, std::string> confirm(std::uint64_t number);

  // The newest first, without their texts.
  std::expected<std::vector<Version>, std::string> list();
  // An error when there is no such version, or when its texts are not what was put in.
  std::expected<Version, std::string> get(std::uint64_t number);

 private:
  History(sqlite::Database database, std::string path, unsigned keep);

  sqlite::Result<Version> add_in_transaction(Version version);
  sqlite::Result<std::optional<Version>> newest();
  sqlite::Result<Unit> insert(Version& version);
  sqlite::Result<Unit> end_trial(std::uint64_t number);
  sqlite::Result<Unit> forget_old();
  sqlite::Result<std::optional<Version>> find(std::uint64_t number);
  std::unexpected<std::string> told(const sqlite::Failure& failure) const;

  sqlite::Database database_;
  std::string path_;  // of the file, for messages
  std::int64_t keep_;
};

}  // namespace cirque::config
