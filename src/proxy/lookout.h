#pragma once
// The steward's eye on the process: is there memory left, and are the workers in time? What it sees
// it tells the workers, who do something about it (proxy/overload.h).
#include <atomic>
#include <cstdint>
#include <deque>

#include "observe/memory.h"
#include "proxy/overload.h"
#include "proxy/worker.h"

namespace cirque::proxy {

// On the steward's thread, which may be stuck for a while: requests do not wait for it, and go on
// as the last look has left them.
class Lookout {
 public:
  explicit Lookout(loop::Loop& steward) noexcept : loop_(steward) {}

  Lookout(const Lookout&) = delete;
  Lookout& operator=(const Lookout&) = delete;

  // Before anything is watched. The worker outlives us and runs its loop while we watch.
  void add(Worker& worker) { posts_.emplace_back(worker); }

  // limits.memory
  void set_memory_limit(std::uint64_t bytes) noexcept { memory_limit_ = bytes; }

  // Without end.
  Task<> watch_memory();
  Task<> watch_lag();

  const observe::Memory& memory() const noexcept { return memory_; }

  Rung rung() const noexcept { return ladder_.rung(); }

  // Of the workers, in the order in which they were added: how long the last probe had to wait.
  Duration lag(std::size_t worker) const noexcept {
    return Duration(posts_[worker].lag_ns.load(std::memory_order_relaxed));
  }

 private:
  struct Post : loop::Wake {
    explicit Post(Worker& w) noexcept
        : Wake([](Wake& wake) noexcept { static_cast<Post&>(wake).arrive(); }),
          worker(w),
          place(w.loop, -1) {
      place.reader = this;
    }

    void arrive() noexcept;

    Worker& worker;
    loop::Watch place;                  // of the probe among all that is ready; the worker's
    Time sent{};                        // the worker's, until it has arrived
    std::uint64_t turns = 0;            // of its loop, at the last look
    std::atomic<bool> is_asked{false};  // a probe is on its way
    std::atomic<std::int64_t> lag_ns{0};
  };

  void look_at_memory();
  void tell() const;
  void trim_heap();
  static void probe(Post& post);

  loop::Loop& loop_;
  std::deque<Post> posts_;
  observe::MemoryGauge gauge_;
  observe::Memory memory_;
  std::uint64_t memory_limit_ = 0;
  Ladder ladder_;
  unsigned looks_until_trim_ = 1;
};

}  // namespace cirque::proxy
