#include "app/versions.h"

#include <sys/stat.h>

#include <ctime>
#include <filesystem>

#include "app/cli.h"
#include "base/log.h"
#include "cirque/result.h"

namespace cirque::app {
namespace {

bool is_folder(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

std::vector<config::Source> from_root(std::vector<config::Source> sources) {
  for (auto& source : sources) {
    std::error_code error;  // the folder may be gone
    auto path = std::filesystem::absolute(source.path, error);
    if (!error) source.path = path.string();
  }
  return sources;
}

std::expected<config::Version, std::string> newest_version(const StateDir& where, Trials trials) {
  auto history =
      TRY(config::History::open_read_only(where.path.empty() ? kDefaultStateDir : where.path));
  auto versions = TRY(history.list());
  if (trials == Trials::Without) std::erase_if(versions, [](const auto& v) { return v.is_trial; });
  if (versions.empty()) return std::unexpected("no version was ever in use");
  return history.get(versions.front().number);
}

StateDir state_dir_of(const std::string& named, const config::Model& model) {
  if (!named.empty()) return {named, true};
  if (!model.server.state_dir.empty()) return {model.server.state_dir, true};
  if (auto given = config::process_environment("STATE_DIRECTORY"); given && !given->empty()) {
    return {given->substr(0, given->find(':')), true};
  }
  if (is_folder(kDefaultStateDir)) return {kDefaultStateDir, false};
  return {};
}

bool Versions::open(const StateDir& where, unsigned keep) {
  if (where.path.empty()) return true;
  auto history = config::History::open(where.path, keep);
  if (history) {
    history_.emplace(std::move(*history));
    return true;
  }
  const auto& why = history.error();
  if (where.is_wanted) {
    log::error("app", "versions of the configuration cannot be kept", {{"error", why}});
  } else {
    log::warn("app", "versions of the configuration are not kept", {{"error", why}});
  }
  return !where.is_wanted;
}

std::optional<std::uint64_t> Versions::add(const config::Loaded& loaded, const Origin& origin) {
  if (!history_) return std::nullopt;
  auto version = history_->add({.unix_time = std::time(nullptr),
                                .source = origin.source,
                                .note = origin.note,
                                .sources = from_root(loaded.sources),
                                .is_trial = origin.is_trial});
  if (version) return version->number;
  log::error("app", "this configuration got no number", {{"error", version.error()}});
  return std::nullopt;
}

void Versions::confirm(std::uint64_t number) {
  if (!history_) return;
  auto confirmed = history_->confirm(number);
  if (!confirmed) {
    log::error("app", "the history still has it as a trial", {{"error", confirmed.error()}});
  }
}

std::expected<config::Version, std::string> Versions::get(std::uint64_t number) {
  if (!history_) return std::unexpected("no versions are kept: server.state_dir names a folder");
  return history_->get(number);
}

}  // namespace cirque::app
