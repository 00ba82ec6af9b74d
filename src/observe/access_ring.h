#pragma once
// A ring of records between one worker and the access log's thread: no lock, no allocation.
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

#include "observe/access_log.h"

namespace cirque::observe {

// One writing thread, one reading thread.
class AccessRing {
 public:
  explicit AccessRing(std::size_t bytes)
      : size_(bytes), mask_(bytes - 1), memory_(std::make_unique_for_overwrite<char[]>(bytes)) {}

  // Texts above these are cut, and end in "...".
  static constexpr std::size_t kTargetMax = 2048;
  static constexpr std::size_t kTextMax = 512;

  // False: full, and counted.
  bool push(const AccessEntry& entry) noexcept;

  // The writer's question: is it time to wake the reader? At a quarter, as on a busy core the
  // reader may have to wait for a time slice of 3 ms; at a half it lost 1 record in 10,000. Looks
  // anew at the reader's place before it says yes: what was last seen of it may be a ring's length
  // ago, and a wrong yes costs a wake-up a record.
  bool is_filling() noexcept {
    if (head_ - tail_seen_ <= size_ / 4) return false;
    tail_seen_ = tail_.load(std::memory_order_acquire);
    return head_ - tail_seen_ > size_ / 4;
  }

  // The oldest record, its views into the ring; good until pop().
  std::optional<AccessEntry> front() noexcept;
  void pop() noexcept;

  bool is_empty() const noexcept {
    return published_.load(std::memory_order_acquire) == tail_.load(std::memory_order_relaxed);
  }

  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  static constexpr unsigned kTexts = 10;

  static bool is_too_long(const AccessEntry& entry) noexcept;
  [[gnu::cold]] bool push_cut(AccessEntry entry);

  // As small as can be: a ring that is written and read in turn should stay in the cache.
  struct Record {
    std::uint32_t bytes;  // of the whole record; of what is left of the ring when `skip`
    std::uint8_t skip;
    std::uint8_t reused;
    Version version;
    std::uint8_t attempts;
    std::uint16_t status;
    std::uint16_t lengths[kTexts];
    std::int64_t unix_us;
    std::uint64_t bytes_in, bytes_out;
    std::int64_t duration_us, connect_us, upstream_us, overhead_us;
    Address client;
  };

  static constexpr std::size_t kAlign = 8;

  Record* at(std::uint64_t position) noexcept {
    return reinterpret_cast<Record*>(memory_.get() + (position & mask_));
  }

  const std::size_t size_;
  const std::size_t mask_;
  std::unique_ptr<char[]> memory_;

  alignas(64) std::uint64_t head_ = 0;  // writer
  std::uint64_t tail_seen_ = 0;         // what the writer last knew of the reader
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::uint64_t> published_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // reader
  std::uint32_t front_bytes_ = 0;
};

}  // namespace cirque::observe
