#pragma once
// Tells when what a file says has changed, however that came about: written in place, replaced by
// rename as editors do, or reached through a link that was swapped as Kubernetes does.
#include <functional>
#include <optional>
#include <string>

#include "loop/loop.h"
#include "net/socket.h"

namespace cirque::app {

// Lives on the steward's loop.
class FileWatch : private loop::Wake {
 public:
  // `on_change` is called once the file has been quiet for a moment, and only if its bytes differ
  // from those that were there before.
  FileWatch(loop::Loop& loop, std::string path, std::function<void()> on_change);
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  ~FileWatch();

  // False: the kernel gives no watch (fs.inotify.max_user_instances), and changes go unnoticed.
  bool is_watching() const noexcept { return watching_; }

 private:
  // Long enough for an editor to have written all of it.
  static constexpr Duration kQuiet = 100ms;

  void drain() noexcept;
  void look();
  void watch_links();
  std::optional<std::string> contents() const;  // nothing while there is no file

  struct Look : loop::Timer {
    explicit Look(FileWatch& w) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Look&>(t).watch.look(); }), watch(w) {}

    FileWatch& watch;
  };

  loop::Loop& loop_;
  const std::string path_;
  std::function<void()> on_change_;
  net::Fd fd_;
  loop::Watch watch_;
  Look look_;
  bool watching_ = false;
  std::optional<std::string> before_;
};

}  // namespace cirque::app
