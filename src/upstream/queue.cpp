#include "upstream/queue.h"

namespace cirque::upstream {

// A worker's line, and how the other workers reach it.
struct Queue::Desk {
  Desk(Queue& q, base::ConcurrencyLimit& limit, std::uint32_t number, loop::Loop& l)
      : queue(q),
        loop(l),
        line(limit, number,
             {.call = [](void* desk) noexcept { ring(*static_cast<Desk*>(desk)); },
              .context = this}) {}

  Queue& queue;
  loop::Loop& loop;
  base::WaitingLine line;
};

Queue::Queue(base::ConcurrencyLimit& limit, std::span<loop::Loop* const> loops,
             std::weak_ptr<const void> owner)
    : owner_(std::move(owner)) {
  limit.add_lines(static_cast<std::uint32_t>(loops.size()));
  for (auto* loop : loops) {
    auto number = static_cast<std::uint32_t>(desks_.size());
    desks_.push_back(std::make_unique<Desk>(*this, limit, number, *loop));
  }
}

Queue::~Queue() = default;

// Whoever rings holds the owner, or somebody in line does; but the one may be done and the other
// gone by the time the message is read.
void Queue::ring(Desk& desk) noexcept {
  auto owner = desk.queue.owner_.lock();
  if (owner) desk.loop.send([owner = std::move(owner), &desk] { desk.line.serve(); });
}

Queue::Wait Queue::wait(std::size_t core, Duration patience) noexcept {
  return {*this, *desks_[core], patience};
}

Queue::Wait::~Wait() {
  if (auto time = waited()) {
    queue_.counts.waited_ns.fetch_add(time->count(), std::memory_order_relaxed);
  }
}

std::optional<Duration> Queue::Wait::waited() const noexcept {
  if (since_ == kNever) return std::nullopt;
  return desk_.loop.now() - since_;
}

bool Queue::Wait::await_ready() noexcept {
  auto [how, permit] = desk_.line.enter(*this);
  permit_ = std::move(permit);
  if (how == base::WaitingLine::Entry::Full) {
    queue_.counts.refused.fetch_add(1, std::memory_order_relaxed);
  }
  return how != base::WaitingLine::Entry::Waits;
}

void Queue::Wait::await_suspend(std::coroutine_handle<> waiter) noexcept {
  waiter_ = waiter;
  since_ = desk_.loop.now();
  queue_.counts.waited.fetch_add(1, std::memory_order_relaxed);
  deadline_.arm(desk_.loop.timers(), since_ + patience_);
}

Result<Queue::Permit> Queue::Wait::await_resume() noexcept {
  if (permit_) return std::move(*permit_);
  bool has_waited = since_ != kNever;
  return fail({.fault = Fault::Overload,
               .side = Side::Us,
               .status = 503,
               .reason = has_waited ? "queue_timeout" : "queue_full"});
}

void Queue::Wait::on_turn(Permit permit) noexcept {
  permit_ = std::move(permit);
  deadline_.disarm();
  desk_.loop.defer(go_on_);
}

void Queue::Wait::on_deadline() noexcept {
  if (!give_up()) return;
  queue_.counts.timed_out.fetch_add(1, std::memory_order_relaxed);
  desk_.loop.defer(go_on_);
}

}  // namespace cirque::upstream
