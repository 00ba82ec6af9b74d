#include "app/file_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "config/gather.h"

namespace cirque::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                  IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;

constexpr int kLinksMax = 16;

}  // namespace

FileWatch::FileWatch(loop::Loop& loop, std::string path, std::function<void()> on_change)
    : Wake([](Wake& w) noexcept { static_cast<FileWatch&>(w).drain(); }),
      loop_(loop),
      path_(std::move(path)),
      on_change_(std::move(on_change)),
      fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      watch_(loop, fd_.get()),
      look_(*this),
      before_(config::survey(path_)) {
  if (!fd_) return;
  watch_all();
  watch_.reader = this;
  watch_.attach();
}

FileWatch::~FileWatch() {
  watch_.forget();
}

// Watching a folder twice is watching it once.
void FileWatch::watch_all() {
  is_complete_ = true;
  watch_links(path_);
  for (const auto& path : before_.wanted.paths) watch_links(path);
  for (const auto& folder : before_.wanted.folders) {
    watch_folder(folder);
    watch_links(folder.substr(0, folder.size() - 1));
  }
}

// One that is not there is seen to come from the nearest folder above that is.
void FileWatch::watch_folder(const std::string& path) {
  fs::path folder = path.empty() ? "." : path;
  while (inotify_add_watch(fd_.get(), folder.c_str(), kEvents) < 0) {
    is_complete_ = false;
    bool is_top = folder == folder.parent_path() || folder.parent_path().empty();
    if (errno != ENOENT || is_top) return;
    folder = folder.parent_path();
  }
  watching_ = true;
}

// The folders that the file's name leads through: a name is what changes, not the file behind it.
void FileWatch::watch_links(const std::string& path) {
  std::error_code error;
  fs::path at = path;
  for (int links = 0; links < kLinksMax; ++links) {
    watch_folder(at.parent_path());
    // A link may also be on the way: /etc/cirque/..data/cirque.yaml with ..data swapped.
    for (auto folder = at.parent_path(); folder != folder.parent_path();
         folder = folder.parent_path()) {
      if (fs::is_symlink(folder, error)) watch_folder(folder.parent_path());
    }
    if (!fs::is_symlink(at, error)) return;
    auto to = fs::read_symlink(at, error);
    if (error) return;
    at = to.is_absolute() ? to : at.parent_path() / to;
  }
}

void FileWatch::drain() noexcept {
  if (!take_events()) return;
  // Where others write all the time, it is never quiet.
  auto now = loop_.now();
  if (!look_.is_armed()) latest_ = now + kPatience;
  look_.arm(loop_.timers(), std::min(now + kQuiet, latest_));
}

// Apart from who is writing, what happened does not matter: the files will tell. False: it was
// nothing that could have changed them for good.
bool FileWatch::take_events() noexcept {
  alignas(inotify_event) char events[4096];
  bool matters = false;
  for (;;) {
    auto got = read(fd_.get(), events, sizeof events);
    if (got <= 0) break;
    for (const char* at = events; at < events + got;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(at);
      matters |= heed(event);
      at += sizeof event + event.len;
    }
  }
  watch_.may_read = false;
  return matters;
}

// A file is half written from its first change until it is closed, moved or gone.
bool FileWatch::heed(const inotify_event& event) {
  if (event.mask & IN_Q_OVERFLOW) being_written_.clear();
  if (event.mask & IN_IGNORED) {
    std::erase_if(being_written_, [&](const auto& one) { return one.first == event.wd; });
  }
  if (event.len == 0) return true;
  std::string name = event.name;
  if (event.mask & IN_MODIFY) {
    if (may_count(name)) being_written_.emplace(event.wd, std::move(name));
    return false;
  }
  if (event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)) {
    being_written_.erase({event.wd, std::move(name)});
  }
  return true;
}

// A log in the same folder is written all the time, and does not.
bool FileWatch::may_count(const std::string& name) const {
  auto is_it = [&](const std::string& path) {
    return std::string_view(path).substr(path.rfind('/') + 1) == name;
  };
  return is_it(path_) || std::ranges::any_of(before_.wanted.paths, is_it) ||
         config::is_configuration(name);
}

std::vector<FileWatch::Mark> FileWatch::marks() const {
  std::vector<Mark> all;
  auto add = [&](const std::string& path) {
    struct stat status{};
    if (::stat(path.empty() ? "." : path.c_str(), &status) != 0) {
      all.emplace_back();
      return;
    }
    // A folder's times change with the names in it.
    all.push_back({.device = status.st_dev,
                   .inode = status.st_ino,
                   .size = static_cast<std::uint64_t>(status.st_size),
                   .changed_ns = status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec});
  };
  add(path_);
  for (const auto& path : before_.wanted.paths) add(path);
  for (const auto& folder : before_.wanted.folders) add(folder);
  return all;
}

// A folder may be a busy one: nothing is read before its files seem to be others.
void FileWatch::look() noexcept {
  if (!is_complete_) watch_all();
  if (!being_written_.empty()) return;  // whoever writes it will close it
  if (reading_.running() > 0) return look_.arm(loop_.timers(), loop_.now() + kQuiet);
  if (marks() != marks_) reading_.spawn(read_again());
}

Task<> FileWatch::read_again() {
  auto marks_now = marks();
  auto now = co_await aside_.run([path = path_] { return config::survey(path); });
  if (take_events()) look_.arm(loop_.timers(), loop_.now() + kQuiet);
  if (!being_written_.empty()) co_return done;  // what was read may be a half of it
  // Between two names it may be gone for a moment, and a folder empty.
  if (std::ranges::all_of(now.sources, &config::Source::is_folder)) co_return done;
  bool is_same = now.sources == before_.sources && now.secrets == before_.secrets;
  before_ = std::move(now);
  marks_ = std::move(marks_now);
  watch_all();
  // Other files count now, or one has changed since it was read.
  if (marks() != marks_) look_.arm(loop_.timers(), loop_.now() + kQuiet);
  if (!is_same) on_change_();
  co_return done;
}

}  // namespace cirque::app
