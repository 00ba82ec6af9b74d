#include "app/orders.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <thread>

#include "app/plan_alone.h"
#include "app/running.h"
#include "app/terminal.h"
#include "app/versions.h"
#include "config/bundle.h"
#include "config/load.h"
#include "net/socket.h"

namespace cirque::app {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(200);

// Prints what the process says.
int tell(const Reply& reply) {
  bool done = reply.status == 200;
  std::fputs(reply.body.c_str(), done ? stdout : stderr);
  return done ? 0 : 1;
}

int order(const Command& command, const config::Model& model, std::string_view path,
          std::vector<config::TableEntry> fields = {}, std::string_view body = {}) {
  auto reply = ask_running(command, model, {"POST", path, std::move(fields), body});
  return reply ? tell(*reply) : complain(reply.error().why);
}

// What is loaded at the other end is the first of the bundle, whose name is not always that of the
// command line: standard input has another.
config::TableEntry path_field(const config::Loaded& loaded) {
  return {"X-Cirque-Path", from_root(loaded.sources).front().path};
}

// The process is in another folder.
std::string bundle_of(const config::Loaded& loaded) {
  return config::pack(from_root(loaded.sources));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Who may read the old text may read the new one, and nobody else: there may be secrets in it.
bool give_rights(int fd, const struct stat& old) {
  bool is_owned = ::fchown(fd, old.st_uid, old.st_gid) == 0;
  return ::fchmod(fd, old.st_mode & (is_owned ? 0777U : 0700U)) == 0;
}

// All of it or nothing, as far as one file is concerned. A link stays one.
bool write_file(const config::Source& source) {
  std::error_code error;
  auto place = std::filesystem::canonical(source.path, error).string();
  struct stat old{};
  bool is_new = error || ::stat(place.c_str(), &old) != 0;
  if (error) place = source.path;
  auto fresh = place + ".rollback";
  ::unlink(fresh.c_str());
  net::Fd file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, is_new ? 0666 : 0600));
  if (!file) return false;
  if ((is_new || give_rights(file.get(), old)) && write_all(file.get(), source.text) &&
      std::rename(fresh.c_str(), place.c_str()) == 0) {
    return true;
  }
  int why = errno;
  ::unlink(fresh.c_str());
  errno = why;
  return false;
}

// As they would be once the version is written back: its own, and what else is there.
config::Files files_with(const config::Version& version) {
  auto own = config::files_of(version.sources);
  auto here = config::system_files();
  auto files = here;
  files.read = [own, here](const std::string& path) {
    auto text = own.read(path);
    return text ? text : here.read(path);
  };
  files.glob = [own, here](const std::string& pattern) {
    std::vector<std::string> paths;
    std::ranges::set_union(own.glob(pattern), here.glob(pattern), std::back_inserter(paths));
    return paths;
  };
  files.is_directory = [own, here](const std::string& path) {
    return own.is_directory(path) || here.is_directory(path);
  };
  return files;
}

// Those that would be read with the version and were no part of it: in a folder that it includes.
std::string files_since(const config::Version& version) {
  std::string names;
  auto then = config::load_file(version.sources.front().path, config::process_environment,
                                files_with(version))
                  .sources;
  for (const auto& source : then) {
    bool was_there = std::ranges::count(version.sources, source.path, &config::Source::path) > 0;
    if (!was_there && !source.is_folder()) names += fmt::format("\n  {}", source.path);
  }
  return names;
}

int write_back(const Command& command, const config::Model& model, std::uint64_t number) {
  auto where = state_dir_of(command.state_dir, model).path;
  auto history = config::History::open_read_only(where.empty() ? kDefaultStateDir : where);
  if (!history) return complain(history.error());
  auto version = history->get(number);
  if (!version) return complain(version.error());
  if (version->sources.front().path.ends_with("/<stdin>")) {
    return complain(fmt::format("version {} came from standard input: there is no file", number));
  }
  if (auto names = files_since(*version); !names.empty()) {
    return complain(fmt::format(
        "nothing written: version {} did not have these files, which would be read with "
        "it; move them away first{}",
        number, names));
  }
  for (const auto& source : version->sources) {
    if (source.is_folder()) continue;
    if (!write_file(source)) {
      return complain(fmt::format("{}: {}", source.path, strerrordesc_np(errno)));
    }
    std::printf("written: %s\n", source.path.c_str());
  }
  return 0;
}

}  // namespace

int reload(const Command& command) {
  auto loaded = config::load_file(command.config);
  if (!loaded.ok()) {  // the process would refuse it as well, and where it listens is in here
    std::fputs(config::render(loaded.findings).c_str(), stderr);
    return complain("not reloaded: the old configuration stays as it was");
  }
  return order(command, loaded.model, "/reload");
}

int plan(const Command& command) {
  auto loaded = config::load_file(command.config);
  if (!loaded.ok()) {
    std::fputs(config::render(loaded.findings).c_str(), stderr);
    return complain("this configuration would not be taken");
  }
  auto body = bundle_of(loaded);
  auto reply = ask_running(command, loaded.model, {"POST", "/plan", {path_field(loaded)}, body});
  if (reply) return tell(*reply);
  const auto& silence = reply.error();
  return silence.is_nobody ? plan_alone(command, loaded, silence) : complain(silence.why);
}

int apply(const Command& command) {
  auto loaded = config::load_file(command.config);
  if (!loaded.ok()) {
    std::fputs(config::render(loaded.findings).c_str(), stderr);
    return complain("not applied: the old configuration stays as it was");
  }
  std::vector<config::TableEntry> fields{path_field(loaded)};
  if (!command.confirm.empty()) fields.push_back({"X-Cirque-Confirm", command.confirm});
  if (!command.note.empty()) fields.push_back({"X-Cirque-Note", command.note});
  return order(command, loaded.model, "/apply", std::move(fields), bundle_of(loaded));
}

int confirm(const Command& command) {
  return order(command, config::load_file(command.config).model, "/confirm");
}

// Tells of progress when there is some.
int drain(const Command& command) {
  auto model = config::load_file(command.config).model;
  std::vector<config::TableEntry> fields{{"X-Cirque-Backend", command.words.front()}};
  auto within = fields;
  if (!command.within.empty()) within.push_back({"X-Cirque-Within", command.within});
  if (int status = order(command, model, "/drain", within); status != 0) return status;
  std::string told;
  for (;;) {
    auto reply = ask_running(command, model, {"POST", "/draining", fields});
    if (!reply) return complain(reply.error().why);
    bool goes_on = reply->status == 202;
    if (reply->body != told) std::fputs(reply->body.c_str(), stdout);
    std::fflush(stdout);
    told = reply->body;
    if (!goes_on) return reply->status == 200 ? 0 : 1;
    std::this_thread::sleep_for(kLookEvery);
  }
}

int undrain(const Command& command) {
  return order(command, config::load_file(command.config).model, "/undrain",
               {{"X-Cirque-Backend", command.words.front()}});
}

int rollback(const Command& command) {
  auto model = config::load_file(command.config).model;
  auto number = command.versions.front();
  // First the files: the process may be told of them by its watch.
  if (command.write) {
    if (int status = write_back(command, model, number); status != 0) return status;
  }
  return order(command, model, "/rollback", {{"X-Cirque-Version", fmt::format("{}", number)}});
}

}  // namespace cirque::app
