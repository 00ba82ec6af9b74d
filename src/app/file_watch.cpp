#include "app/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace cirque::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;

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
      before_(contents()) {
  if (!fd_) return;
  watch_links();
  watch_.reader = this;
  watch_.attach();
}

FileWatch::~FileWatch() {
  watch_.forget();
}

std::optional<std::string> FileWatch::contents() const {
  std::ifstream file(path_, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The folders that the file's name leads through: a name is what changes, not the file behind it.
// Watching one twice is watching it once.
void FileWatch::watch_links() {
  std::error_code error;
  fs::path at = path_;
  for (int links = 0; links < kLinksMax; ++links) {
    watching_ |= inotify_add_watch(fd_.get(), at.parent_path().c_str(), kEvents) >= 0;
    // A link may also be on the way: /etc/cirque/..data/cirque.yaml with ..data swapped.
    for (auto folder = at.parent_path(); folder != folder.parent_path();
         folder = folder.parent_path()) {
      if (!fs::is_symlink(folder, error)) continue;
      inotify_add_watch(fd_.get(), folder.parent_path().c_str(), kEvents);
    }
    if (!fs::is_symlink(at, error)) return;
    auto to = fs::read_symlink(at, error);
    if (error) return;
    at = to.is_absolute() ? to : at.parent_path() / to;
  }
}

// What happened does not matter: the file will tell.
void FileWatch::drain() noexcept {
  alignas(inotify_event) char events[4096];
  while (read(fd_.get(), events, sizeof events) > 0) {
  }
  watch_.may_read = false;
  look_.arm(loop_.timers(), loop_.now() + kQuiet);
}

void FileWatch::look() {
  watch_links();
  auto now = contents();
  if (!now || now == before_) return;  // between two names it may be gone for a moment
  before_ = std::move(now);
  on_change_();
}

}  // namespace cirque::app
