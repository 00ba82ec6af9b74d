#pragma once
// A ring of bytes between one worker, which writes whole lines, and one thread that takes whatever
// is there: no lock, no allocation, and nothing ever lies across its end.
#include <atomic>
#include <cstdint>
#include <string_view>

namespace cirque::observe {

// One writing thread, one reading thread. The memory is mapped twice, one behind the other, so that
// what passes the end of the first is the beginning again.
class LineRing {
 public:
  // A power of two, and a multiple of the page size. Throws std::bad_alloc when there is no memory.
  explicit LineRing(std::size_t bytes);
  LineRing(const LineRing&) = delete;
  LineRing& operator=(const LineRing&) = delete;
  ~LineRing();

  // The writer's half. Room for a line of at most so many bytes; null: there is none, which counts
  // as a line dropped.
  char* reserve(std::size_t bytes) noexcept {
    if (head_ + bytes - tail_seen_ > size_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head_ + bytes - tail_seen_ > size_) {
        dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return nullptr;
      }
    }
    return memory_ + (head_ & (size_ - 1));
  }

  // So much of it was written.
  void commit(std::size_t bytes) noexcept {
    head_ += bytes;
    published_.store(head_, std::memory_order_release);
  }

  // Is it time to wake the reader? Early, at a sixteenth: on a busy core the reader may have to
  // wait for a time slice of 3 ms, and where both share a core, many short pauses delay fewer
  // requests than a few long ones. Looks anew at the reader's place before it says yes: what was
  // last seen of it may be a ring's length ago, and a wrong yes costs a wake-up a line.
  bool is_filling() noexcept {
    if (head_ - tail_seen_ <= size_ / 16) return false;
    tail_seen_ = tail_.load(std::memory_order_acquire);
    return head_ - tail_seen_ > size_ / 16;
  }

  // The reader's half: all that is there, in one stretch, good until consume().
  std::string_view readable() const noexcept {
    auto tail = tail_.load(std::memory_order_relaxed);
    auto bytes = published_.load(std::memory_order_acquire) - tail;
    return {memory_ + (tail & (size_ - 1)), bytes};
  }

  void consume(std::size_t bytes) noexcept {
    tail_.store(tail_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
  }

  // Any thread.
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  const std::size_t size_;
  char* memory_ = nullptr;
  // The writer's, with what it last saw of the reader's; then the reader's.
  alignas(64) std::uint64_t head_ = 0;
  std::uint64_t tail_seen_ = 0;
  std::atomic<std::uint64_t> published_{0};
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
};

}  // namespace cirque::observe
