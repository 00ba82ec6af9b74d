#pragma once
// The numbered configurations of this process, where it may keep any.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/history.h"
#include "config/load.h"

namespace cirque::app {

struct StateDir {
  std::string path;        // empty: there is none
  bool is_wanted = false;  // somebody has named it, and relies on it
};

// `named` by the command line, else by the file, else by systemd ($STATE_DIRECTORY), else the
// usual one if it exists.
StateDir state_dir_of(const std::string& named, const config::Model& model);

// The newest that is kept there, or why there is none.
enum class Trials : bool { Without, With };
std::expected<config::Version, std::string> newest_version(const StateDir& where, Trials trials);

// Whoever loads them again may be in another folder.
std::vector<config::Source> from_root(std::vector<config::Source> sources);

// One thread.
class Versions {
 public:
  // False: what was wanted cannot be had; the log says why.
  bool open(const StateDir& where, unsigned keep);

  bool is_kept() const noexcept { return history_.has_value(); }

  // The number of what is in use from now on; nothing when none are kept or the disk is full, which
  // the log tells.
  struct Origin {
    std::string source;
    std::string note;
    bool is_trial = false;
  };

  std::optional<std::uint64_t> add(const config::Loaded& loaded, const Origin& origin);

  // It was a trial, and is to stay.
  void confirm(std::uint64_t number);

  std::expected<config::Version, std::string> get(std::uint64_t number);

 private:
  std::optional<config::History> history_;
};

}  // namespace cirque::app
