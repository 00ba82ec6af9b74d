#include "upstream/standby.h"

#include "base/check.h"

namespace cirque::upstream {
namespace {

constexpr std::uint64_t kNobody = UINT64_MAX;

}  // namespace

struct Standby::Line {
  explicit Line(loop::Loop& l) noexcept : loop(l) {}

  loop::Loop& loop;
  base::List<Waiter> waiters;  // of this core alone
  // For all to see.
  alignas(64) std::atomic<std::uint64_t> front{kNobody};  // the ticket of the first
  std::atomic<bool> is_rung{false};                       // a message is on its way
};

Standby::Standby(std::span<loop::Loop* const> loops, std::weak_ptr<const void> owner)
    : owner_(std::move(owner)) {
  for (auto* loop : loops) lines_.push_back(std::make_unique<Line>(*loop));
}

Standby::~Standby() {
  CIRQUE_CHECK(waiting() == 0);
}

loop::Loop& Standby::loop(std::size_t core) const noexcept {
  return lines_[core]->loop;
}

bool Standby::reserve(std::uint32_t most) noexcept {
  auto seen = waiting_.load();
  while (seen < most) {
    if (waiting_.compare_exchange_weak(seen, seen + 1)) return true;
  }
  return false;
}

bool Standby::join(Waiter& waiter, std::size_t core, std::uint32_t most) noexcept {
  CIRQUE_CHECK(!waiter.is_waiting());
  if (!reserve(most)) return false;
  auto& line = *lines_[core];
  waiter.standby_ = this;
  waiter.core_ = core;
  waiter.ticket_ = next_ticket_.fetch_add(1);
  bool is_front = line.waiters.empty();
  line.waiters.push_back(waiter);
  if (!is_front) return true;
  line.front.store(waiter.ticket_);
  waiter.on_front();
  // Room that was made before anybody could see this one.
  if (oldest() == &line) serve(line);
  return true;
}

void Standby::on_room() noexcept {
  if (waiting_.load() > 0) ring_oldest();
}

// Who is done with a line tells the next: the room may be for somebody there.
void Standby::serve(Line& line) noexcept {
  line.is_rung.store(false);
  while (Waiter* first = line.waiters.front()) {
    if (!first->try_enter()) return;  // who makes room rings
    remove(*first);
    if (oldest() != &line) break;
  }
  on_room();
}

void Standby::remove(Waiter& waiter) noexcept {
  auto& line = *lines_[waiter.core_];
  bool was_front = line.waiters.front() == &waiter;
  waiter.unlink();
  waiter.standby_ = nullptr;
  if (was_front) {
    Waiter* next = line.waiters.front();
    line.front.store(next ? next->ticket_ : kNobody);
    if (next) next->on_front();
  }
  waiting_.fetch_sub(1);
}

void Standby::Waiter::leave() noexcept {
  if (!standby_) return;
  auto& standby = *standby_;
  standby.remove(*this);
  standby.on_room();  // that it was told of, and did not take
}

void Standby::Waiter::look() noexcept {
  if (standby_) standby_->serve(*standby_->lines_[core_]);
}

Standby::Line* Standby::oldest() noexcept {
  Line* found = nullptr;
  auto ticket = kNobody;
  for (const auto& line : lines_) {
    auto front = line->front.load();
    if (front >= ticket) continue;
    found = line.get();
    ticket = front;
  }
  return found;
}

void Standby::ring_oldest() noexcept {
  Line* line = oldest();
  if (!line || line->is_rung.exchange(true)) return;
  auto owner = owner_.lock();
  if (!owner) return;  // nobody waits any more
  line->loop.send([this, owner = std::move(owner), line] { serve(*line); });
}

}  // namespace cirque::upstream
