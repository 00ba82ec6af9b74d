#pragma once
// Where requests wait until their pool has room for them: in line, each on its worker, in the order
// in which they came to the pool, and no longer than its patience.
#include <atomic>
#include <coroutine>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/concurrency.h"
#include "cirque/result.h"
#include "loop/loop.h"

namespace cirque::upstream {

// How many have waited since the queue was made, and what came of it. Any thread.
struct QueueCounts {
  std::atomic<std::uint64_t> waited{0};     // stood in line, however it ended
  std::atomic<std::uint64_t> timed_out{0};  // of these
  std::atomic<std::uint64_t> refused{0};    // as the line was full
  std::atomic<std::int64_t> waited_ns{0};   // all that stood in line, together
};

// Shared by all workers; a line for each. Those who are in line when the limit or the size changes
// stay there, under what is true from then on; how long they wait was settled when they came.
class Queue {
 public:
  using Permit = base::ConcurrencyLimit::Permit;

  // A line for each of `loops`, which outlive it; `limit`, too, which has no lines yet. `owner` is
  // what both are in: kept as long as a message is on its way to one of them.
  Queue(base::ConcurrencyLimit& limit, std::span<loop::Loop* const> loops,
        std::weak_ptr<const void> owner);
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue();

  // co_await queue.wait(core, patience): a permit, or the error `queue_timeout` or `queue_full`.
  // `core`: whose loop it is, by its index. Who has got a permit goes on at the end of the turn.
  // Destroying it leaves the line. The queue outlives it.
  class Wait;
  Wait wait(std::size_t core, Duration patience) noexcept;

  QueueCounts counts;

 private:
  struct Desk;
  static void ring(Desk& desk) noexcept;

  const std::weak_ptr<const void> owner_;
  std::vector<std::unique_ptr<Desk>> desks_;  // by core
};

// One core.
class Queue::Wait final : private base::WaitingLine::Waiter {
 public:
  Wait(Queue& queue, Desk& desk, Duration patience) noexcept
      : queue_(queue), desk_(desk), patience_(patience), deadline_(*this), go_on_(*this) {}

  ~Wait();

  bool await_ready() noexcept;
  void await_suspend(std::coroutine_handle<> waiter) noexcept;
  Result<Permit> await_resume() noexcept;

  // How long it has stood in line until now; none: it did not have to.
  std::optional<Duration> waited() const noexcept;

 private:
  struct Deadline : loop::Timer {
    explicit Deadline(Wait& w) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Deadline&>(t).wait.on_deadline(); }), wait(w) {}

    Wait& wait;
  };

  struct GoOn : loop::Deferred {
    explicit GoOn(Wait& w) noexcept
        : Deferred([](Wake& w) noexcept { static_cast<GoOn&>(w).wait.waiter_.resume(); }),
          wait(w) {}

    Wait& wait;
  };

  void on_turn(Permit permit) noexcept override;
  void on_deadline() noexcept;

  Queue& queue_;
  Desk& desk_;
  const Duration patience_;
  Time since_ = kNever;  // in line; kNever: it never was
  std::optional<Permit> permit_;
  std::coroutine_handle<> waiter_;
  Deadline deadline_;
  GoOn go_on_;
};

}  // namespace cirque::upstream
