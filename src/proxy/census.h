#pragma once
// How many connections there are on all workers together, and never more than there may be.
#include <atomic>
#include <cstdint>

namespace cirque::proxy {

// Any thread.
class Census {
 public:
  // For the connection that comes next. False: so many are there.
  bool enter(std::uint32_t most) noexcept {
    auto open = open_.load(std::memory_order_relaxed);
    while (open < most) {
      if (open_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }

  void leave() noexcept { open_.fetch_sub(1, std::memory_order_relaxed); }

  std::uint32_t open() const noexcept { return open_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> open_{0};
};

}  // namespace cirque::proxy
