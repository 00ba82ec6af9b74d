#pragma once
// The numbers behind a concurrency limit: how many permits are out, how many wait for one on each
// worker's line, and which line the next one goes to. No lock, and nobody is forgotten.
//
// The plain alternative is a lock and one list for all workers; but then a worker that the system
// takes off its core at the wrong moment stops all others that come to a full limit.
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/check.h"

namespace cirque::base {

// Who joins a line first says so in its place and then looks for a free permit; who hands one back
// first makes it free and then looks at the lines. All of that has one order for all threads
// (seq_cst, as no order is given), so at least one of the two sees the other.
//
// Atomic is std::atomic, or in tests one that hesitates.
template <template <class> class Atomic>
class PermitLedger {
 public:
  struct Wake {
    void (*call)(void* context) noexcept;
    void* context;
  };

  PermitLedger(std::uint32_t limit, std::uint32_t waiting_max, std::uint32_t lines)
      : limit_(limit), waiting_max_(waiting_max) {
    add_lines(lines);
  }

  // Once, before anybody waits; whoever waits then has to have heard of it.
  void add_lines(std::uint32_t lines) {
    CIRQUE_CHECK(lines_count_ == 0);
    lines_ = std::make_unique<Line[]>(lines);
    lines_count_ = lines;
  }

  // False: it is full, or somebody waits.
  bool take_unless_waited_for() noexcept { return waiting_.load() == 0 && take(); }

  // A permit that somebody had. The one who has waited longest gets it.
  void release() noexcept {
    give_back();
    if (waiting_.load() > 0) serve_waiting();
  }

  void set_limit(std::uint32_t limit) noexcept {
    limit_.store(limit);
    serve_waiting();
  }

  void set_waiting_max(std::uint32_t most) noexcept { waiting_max_.store(most); }

  std::uint32_t limit() const noexcept { return limit_.load(); }

  std::uint32_t in_use() const noexcept { return in_use_.load(); }

  std::uint32_t waiting() const noexcept { return waiting_.load(); }

  // The rest is for the worker that has this line.

  bool is_idle(std::uint32_t line) const noexcept { return lines_[line].word.load() == 0; }

  // Before anybody joins.
  void set_wake(std::uint32_t line, Wake wake) noexcept { lines_[line].wake = wake; }

  std::uint64_t next_ticket() noexcept { return next_ticket_.fetch_add(1); }

  // Of the one in front. Of an empty line it means nothing.
  void set_front(std::uint32_t line, std::uint64_t ticket) noexcept {
    lines_[line].front_ticket.store(ticket);
  }

  // False: as many wait as may. From here on nobody overtakes.
  bool reserve() noexcept {
    auto seen = waiting_.load();
    while (seen < waiting_max_.load()) {
      if (waiting_.compare_exchange_weak(seen, seen + 1)) return true;
    }
    return false;
  }

  // One who has reserved waits in this line.
  void join(std::uint32_t line) noexcept {
    lines_[line].word.fetch_add(kWaitingOne);
    serve_waiting();
  }

  // True: one who waits in this line has a permit now, and waits no more.
  bool fetch(std::uint32_t line) noexcept {
    auto& word = lines_[line].word;
    auto seen = word.load();
    while (granted(seen) > 0) {
      if (!word.compare_exchange_weak(seen, seen - kWaitingOne - 1)) continue;
      waiting_.fetch_sub(1);
      return true;
    }
    return false;
  }

  // One who waits in this line does so no longer. If all there had been granted permits, one of
  // these is now too many.
  void leave(std::uint32_t line) noexcept {
    auto& word = lines_[line].word;
    auto seen = word.load();
    while (!word.compare_exchange_weak(seen, seen - kWaitingOne - !is_hungry(seen))) {
    }
    waiting_.fetch_sub(1);
    if (!is_hungry(seen)) release();
  }

 private:
  static constexpr std::uint64_t kWaitingOne = 1ULL << 32;

  struct alignas(64) Line {
    // How many wait, above, and how many of them have been granted a permit, below: never more. A
    // permit that is granted counts as taken.
    Atomic<std::uint64_t> word{0};
    Atomic<std::uint64_t> front_ticket{0};
    Wake wake{};
  };

  static std::uint32_t granted(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }

  static bool is_hungry(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 32) > granted(word);
  }

  bool take() noexcept {
    auto seen = in_use_.load();
    while (seen < limit_.load()) {
      if (in_use_.compare_exchange_weak(seen, seen + 1)) return true;
    }
    return false;
  }

  void give_back() noexcept {
    auto before = in_use_.fetch_sub(1);
    CIRQUE_CHECK(before > 0);
  }

  // Brings permits to those who wait, as long as there are both. One for whom nobody is found any
  // more is given back, and the search begins again: somebody may have come, and found none.
  void serve_waiting() noexcept {
    while (longest_waiting() && take()) {
      Line* line = longest_waiting();
      if (!line || !grant(*line)) give_back();
    }
  }

  Line* longest_waiting() noexcept {
    Line* longest = nullptr;
    std::uint64_t ticket = 0;
    for (std::uint32_t number = 0; number < lines_count_; ++number) {
      Line& line = lines_[number];
      if (!is_hungry(line.word.load())) continue;
      auto front = line.front_ticket.load();
      if (longest && front >= ticket) continue;
      longest = &line;
      ticket = front;
    }
    return longest;
  }

  // False: nobody there wants it any more.
  static bool grant(Line& line) noexcept {
    auto seen = line.word.load();
    while (is_hungry(seen)) {
      if (!line.word.compare_exchange_weak(seen, seen + 1)) continue;
      if (granted(seen) == 0) line.wake.call(line.wake.context);
      return true;
    }
    return false;
  }

  // Every request writes the first, and reads the others.
  alignas(64) Atomic<std::uint32_t> in_use_{0};
  alignas(64) Atomic<std::uint32_t> waiting_{0};  // who has reserved, and has neither got nor left
  Atomic<std::uint32_t> limit_;
  Atomic<std::uint32_t> waiting_max_;
  Atomic<std::uint64_t> next_ticket_{0};
  std::uint32_t lines_count_ = 0;
  std::unique_ptr<Line[]> lines_;
};

}  // namespace cirque::base
