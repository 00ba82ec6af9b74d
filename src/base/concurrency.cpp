#include "base/concurrency.h"

namespace cirque::base {

WaitingLine::WaitingLine(ConcurrencyLimit& limit, std::uint32_t number, Wake wake) noexcept
    : ledger_(limit.ledger_), number_(number) {
  CIRQUE_CHECK(ledger_.is_idle(number_));
  ledger_.set_wake(number_, wake);
}

WaitingLine::~WaitingLine() {
  CIRQUE_CHECK(waiters_.empty());
}

WaitingLine::Entered WaitingLine::enter(Waiter& waiter, Time now, Duration patience) noexcept {
  CIRQUE_CHECK(!waiter.is_waiting());
  if (ledger_.take_unless_waited_for()) return {Entry::Admitted, Permit(ledger_)};
  if (!ledger_.reserve()) return {Entry::Full, std::nullopt};
  waiter.line_ = this;
  waiter.ticket_ = ledger_.next_ticket();
  waiter.deadline_ = now + patience;
  if (waiters_.empty()) ledger_.set_front(number_, waiter.ticket_);
  waiters_.push_back(waiter);
  ledger_.join(number_);
  return {Entry::Waits, std::nullopt};
}

void WaitingLine::serve() noexcept {
  while (ledger_.fetch(number_)) {
    Waiter* waiter = waiters_.front();
    CIRQUE_CHECK(waiter);  // no more are granted than wait
    step_out(*waiter);
    waiter->on_turn(Permit(ledger_));
  }
}

void WaitingLine::expire(Time now) noexcept {
  serve();  // who has a permit is not too late
  while (Waiter* waiter = waiters_.front()) {
    if (waiter->deadline_ > now) return;
    leave(*waiter);
    waiter->on_timeout();
  }
}

Time WaitingLine::next_deadline() noexcept {
  Waiter* waiter = waiters_.front();
  return waiter ? waiter->deadline_ : kNever;
}

void WaitingLine::leave(Waiter& waiter) noexcept {
  step_out(waiter);
  ledger_.leave(number_);
}

void WaitingLine::step_out(Waiter& waiter) noexcept {
  waiter.unlink();
  waiter.line_ = nullptr;
  if (Waiter* front = waiters_.front()) ledger_.set_front(number_, front->ticket_);
}

}  // namespace cirque::base
