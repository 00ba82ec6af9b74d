#pragma once
// Those who wait until one of several has room, whichever it is: first come, first served, each on
// its core. What they wait for is theirs to look for; they are told when it is worth while.
//
// Unlike a line for a limit (base/concurrency.h), nobody is handed anything: a place with one
// backend may be of no use to who is first, and only that one's core can tell.
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/list.h"
#include "loop/loop.h"
#include "upstream/queue.h"

namespace cirque::upstream {

// Shared by all cores; no lock. Who joins says so first and then looks for room, and who makes room
// does so first and then looks for somebody who waits: in one order for all threads (seq_cst), so
// one of the two sees the other.
class Standby {
 public:
  // One core. Destroying it leaves.
  class Waiter : public base::ListHook {
   public:
    Waiter() noexcept = default;

    bool is_waiting() const noexcept { return standby_ != nullptr; }

    void leave() noexcept;

    // For who is in front, once in a while: there may be room that nobody has made, as somebody is
    // well again.
    void look() noexcept;

   protected:
    ~Waiter() { leave(); }

   private:
    friend class Standby;

    // It is in front. True: it has found room, and is no longer in line.
    virtual bool try_enter() noexcept = 0;
    // It is in front from now on.
    virtual void on_front() noexcept = 0;

    Standby* standby_ = nullptr;  // null: not in line
    std::size_t core_ = 0;
    std::uint64_t ticket_ = 0;
  };

  // A line for each of `loops`, which outlive it. `owner` is what it is in: kept as long as a
  // message is on its way.
  Standby(std::span<loop::Loop* const> loops, std::weak_ptr<const void> owner);
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;
  ~Standby();

  // On that core. False: so many wait already. True: it is in line, or has been let in already.
  bool join(Waiter& waiter, std::size_t core, std::uint32_t most) noexcept;

  // Any thread: somebody has just made room.
  void on_room() noexcept;

  std::uint32_t waiting() const noexcept { return waiting_.load(); }

  loop::Loop& loop(std::size_t core) const noexcept;

  QueueCounts counts;  // kept by those who wait

 private:
  struct Line;

  void serve(Line& line) noexcept;
  void remove(Waiter& waiter) noexcept;
  void ring_oldest() noexcept;
  Line* oldest() noexcept;
  bool reserve(std::uint32_t most) noexcept;

  const std::weak_ptr<const void> owner_;
  alignas(64) std::atomic<std::uint32_t> waiting_{0};
  std::atomic<std::uint64_t> next_ticket_{0};
  std::vector<std::unique_ptr<Line>> lines_;  // by core
};

}  // namespace cirque::upstream
