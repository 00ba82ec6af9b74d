#include "control/lobby.h"

#include <algorithm>

#include "base/log.h"
#include "control/stopwatch.h"
#include "control/transition.h"
#include "loop/loop.h"

namespace cirque::control {
namespace {

using upstream::Outcome;
using upstream::Pick;
using upstream::Shut;

Error refusal(std::uint16_t status, std::string_view reason) {
  return {.fault = Fault::Overload, .side = Side::Us, .status = status, .reason = reason};
}

void tell(const config::PoolPlan& plan, const upstream::Seat& seat, const Transition& change) {
  const auto& backend = *seat.backend;
  log::warn("upstream", change.message,
            {{"placement", plan.name},
             {"backend", backend.name},
             {"address", backend.key.address.text()},
             {"old_state", change.from},
             {"new_state", change.to},
             {"failures", change.failures},
             {"reason", change.why},
             {"timestamp", log::unix_seconds()}});
}

}  // namespace

Error Lobby::refuse(Shut why) noexcept {
  auto& counts = guard_.refusals;
  switch (why) {
    case Shut::Full:
      counts.full.fetch_add(1, std::memory_order_relaxed);
      return refusal(429, "concurrency_limit");
    case Shut::Cut:
      counts.cut.fetch_add(1, std::memory_order_relaxed);
      return refusal(503, "circuit_open");
    case Shut::Nobody:
      break;
  }
  return {.fault = Fault::NoPeer,
          .side = Side::Upstream,
          .status = 503,
          .reason = "no_healthy_backend"};
}

// Its turn to get in. It looks when somebody makes room, and, while it is the first, every now and
// then: a backend may be well again, or its breaker let one through.
class Lobby::Turn final : private upstream::Standby::Waiter {
 public:
  Turn(Lobby& lobby, upstream::Tried& tried, const upstream::Wish& wish, std::size_t core,
       Duration patience) noexcept
      : lobby_(lobby),
        tried_(tried),
        wish_(wish),
        core_(core),
        loop_(lobby.guard_.standby->loop(core)),
        until_(loop_.now() + patience),
        alarm_(*this),
        go_on_(*this) {}

  bool await_ready() noexcept {
    auto& guard = lobby_.guard_;
    // Both lines together are as long as the one queue that there is.
    auto most = lobby_.plan_.guard.queue.size;
    most -= std::min(most, guard.limit.waiting());
    if (guard.standby->join(*this, core_, most)) return !is_waiting();
    guard.standby->counts.refused.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  void await_suspend(std::coroutine_handle<> waiter) noexcept {
    waiter_ = waiter;
    since_ = loop_.now();
    lobby_.guard_.standby->counts.waited.fetch_add(1, std::memory_order_relaxed);
    arm();
  }

  Result<Pick> await_resume() noexcept {
    if (outcome_ && *outcome_) return std::move(**outcome_);
    if (outcome_) return fail(lobby_.refuse(outcome_->error()));
    return fail(refusal(503, since_ == kNever ? "queue_full" : "queue_timeout"));
  }

  ~Turn() {
    if (auto time = waited()) {
      auto& counts = lobby_.guard_.standby->counts;
      counts.waited_ns.fetch_add(time->count(), std::memory_order_relaxed);
    }
  }

  // How long it has stood in line until now; none: it did not have to.
  std::optional<Duration> waited() const noexcept {
    if (since_ == kNever) return std::nullopt;
    return loop_.now() - since_;
  }

 private:
  static constexpr Duration kLookEvery = 20ms;  // by feel: quick for a person, cheap for one a core

  struct Alarm : loop::Timer {
    explicit Alarm(Turn& t) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Alarm&>(t).turn.on_alarm(); }), turn(t) {}

    Turn& turn;
  };

  struct GoOn : loop::Deferred {
    explicit GoOn(Turn& t) noexcept
        : Deferred([](Wake& w) noexcept { static_cast<GoOn&>(w).turn.waiter_.resume(); }),
          turn(t) {}

    Turn& turn;
  };

  bool try_enter() noexcept override {
    auto entered = lobby_.enter_as(tried_, wish_, lobby_.stay_);
    if (!entered && entered.error() == Shut::Full) return false;
    outcome_.emplace(std::move(entered));
    go_on();
    return true;
  }

  void on_front() noexcept override {
    is_front_ = true;
    if (waiter_) arm();
  }

  void arm() noexcept {
    auto due = is_front_ ? std::min(until_, loop_.now() + kLookEvery) : until_;
    alarm_.arm(loop_.timers(), due);
  }

  // Who can get in at the last moment is not too late.
  void on_alarm() noexcept {
    if (is_front_) look();
    if (!is_waiting()) return;
    if (loop_.now() < until_) return arm();
    leave();
    lobby_.guard_.standby->counts.timed_out.fetch_add(1, std::memory_order_relaxed);
    go_on();
  }

  void go_on() noexcept {
    alarm_.disarm();
    if (waiter_) loop_.defer(go_on_);
  }

  Lobby& lobby_;
  upstream::Tried& tried_;
  const upstream::Wish& wish_;
  const std::size_t core_;
  loop::Loop& loop_;
  const Time until_;
  Time since_ = kNever;  // in line; kNever: it never was
  bool is_front_ = false;
  std::optional<Entered> outcome_;
  std::coroutine_handle<> waiter_;
  Alarm alarm_;
  GoOn go_on_;
};

bool Lobby::has_line_for(Shut why) const noexcept {
  return why == Shut::Full && plan_.guard.queue.size > 0;
}

Task<Pick> Lobby::wait(Exchange& exchange, upstream::Tried& tried, const upstream::Wish& wish,
                       Duration& waited) {
  Turn turn(*this, tried, wish, exchange.core(), plan_.guard.queue.patience - waited);
  Stopwatch stopwatch(exchange, waited, turn);
  co_return co_await turn;
}

// Nobody overtakes those who wait.
Lobby::Entered Lobby::enter(upstream::Tried& tried, const upstream::Wish& wish) {
  bool has_others = plan_.guard.queue.size > 0 && guard_.standby->waiting() > 0;
  if (has_others) return std::unexpected(Shut::Full);
  return enter_as(tried, wish, stay_);
}

Lobby::Entered Lobby::enter_as(upstream::Tried& tried, const upstream::Wish& wish,
                               std::optional<Stay>& stay) {
  auto admitted = pool_.choose_admitted(tried, wish);
  if (!admitted) return std::unexpected(admitted.error());
  stay.emplace(admitted->pick.hold(), std::move(admitted->leave));
  if (stay->leave.is_probe()) tell(plan_, stay->member.seat(), half_opened());
  return std::move(admitted->pick);
}

Pick Lobby::enter_next(upstream::Tried& tried, const upstream::Wish& wish) {
  auto entered = enter_as(tried, wish, next_);
  return entered ? std::move(*entered) : Pick();
}

void Lobby::leave(std::optional<Outcome> outcome) noexcept {
  if (outcome) report(*outcome);
  end(stay_);
}

void Lobby::move_on(std::optional<Outcome> outcome) noexcept {
  leave(outcome);
  stay_ = std::exchange(next_, std::nullopt);
}

void Lobby::report(Outcome outcome) noexcept {
  if (!stay_) return;
  using Leave = upstream::Gate::Leave;
  using Change = upstream::Breaker::Change;
  bool was_probe = stay_->leave.is_probe();
  auto how = outcome == Outcome::Good ? Leave::Outcome::Good : Leave::Outcome::Bad;
  auto now = outcome == Outcome::Good ? loop::turn_time() : loop::monotonic_now();
  auto change = stay_->leave.report(how, now);
  if (change == Change::Opened) {
    tell(plan_, stay_->member.seat(), opened(was_probe, plan_.terms.gates.failure_threshold));
  } else if (change == Change::Closed) {
    tell(plan_, stay_->member.seat(), closed());
  }
}

// And whoever waits may look.
void Lobby::end(std::optional<Stay>& stay) noexcept {
  if (!stay) return;
  stay.reset();
  if (plan_.guard.queue.size > 0) guard_.standby->on_room();
}

}  // namespace cirque::control
