#pragma once
// Tells when what a configuration says has changed, in its file or in one that it includes, however
// that came about: written in place, replaced by rename as editors do, reached through a link that
// was swapped as Kubernetes does, or because there is one file more where all of them count.
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/survey.h"
#include "loop/aside.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "net/socket.h"

struct inotify_event;

namespace cirque::app {

// Lives on the steward's loop.
class FileWatch : private loop::Wake {
 public:
  // `on_change` is called once the files have been quiet for a moment and none is in the middle of
  // being written, and only if their bytes differ from those that were there before.
  FileWatch(loop::Loop& loop, std::string path, std::function<void()> on_change);
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  ~FileWatch();

  // False: the kernel gives no watch (fs.inotify.max_user_instances), and changes go unnoticed.
  bool is_watching() const noexcept { return watching_; }

 private:
  // Long enough for an editor to have written all of it.
  static constexpr Duration kQuiet = 100ms;
  static constexpr Duration kPatience = 1s;

  // What the system knows of a file without opening it, or of a folder; zeros for none.
  struct Mark {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t changed_ns = 0;

    bool operator==(const Mark&) const = default;
  };

  void drain() noexcept;
  bool take_events() noexcept;
  bool heed(const inotify_event& event);
  bool may_count(const std::string& name) const;
  void look() noexcept;
  Task<> read_again();
  void watch_all();
  void watch_links(const std::string& path);
  void watch_folder(const std::string& path);
  std::vector<Mark> marks() const;

  struct Look : loop::Timer {
    explicit Look(FileWatch& w) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Look&>(t).watch.look(); }), watch(w) {}

    FileWatch& watch;
  };

  loop::Loop& loop_;
  loop::Aside aside_{loop_};
  loop::Scope reading_;
  const std::string path_;
  std::function<void()> on_change_;
  net::Fd fd_;
  loop::Watch watch_;
  Look look_;
  Time latest_{};  // when it looks though it has not become quiet
  bool watching_ = false;
  bool is_complete_ = true;  // false: a folder that matters could not be watched, or is not there
  config::Survey before_;
  std::vector<Mark> marks_;
  std::set<std::pair<int, std::string>> being_written_;  // folders, by their watches, and names
};

}  // namespace cirque::app
