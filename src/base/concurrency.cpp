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

WaitingLine::Entered WaitingLine::enter(Waiter& waiter) noexcept {
  CIRQUE_CHECK(!waiter.is_waiting());
  if (ledger_.take_unless_waited_for()) return {Entry::Admitted, Permit(ledger_)};
  if (!ledger_.reserve()) return {Entry::Full, std::nullopt};
  waiter.line_ = this;
  waiter.ticket_ = ledger_.next_ticket();
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

bool WaitingLine::Waiter::give_up() noexcept {
  CIRQUE_CHECK(is_waiting());
  line_->serve();
  if (!is_waiting()) return false;
  line_->leave(*this);
  return true;
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
