#pragma once
// A request before the gates of its pool's backends: with whom there is room for it, how it waits
// until there is, and what it holds while it is there.
#include <expected>
#include <optional>

#include "cirque/exchange.h"
#include "config/blueprint.h"
#include "upstream/guard.h"
#include "upstream/pool.h"

namespace cirque::control {

// Lives as long as its exchange, in whose arena it is; the others outlive it. One core.
class Lobby {
 public:
  Lobby(const config::PoolPlan& plan, upstream::Pool& pool, upstream::Guard& guard) noexcept
      : plan_(plan), pool_(pool), guard_(guard) {}

  using Entered = std::expected<upstream::Pick, upstream::Shut>;

  // The one to go to first. Full: nobody has room, or others wait for it already.
  Entered enter(upstream::Tried& tried, const upstream::Wish& wish);

  // May it wait for who let it not in?
  bool has_line_for(upstream::Shut why) const noexcept;

  // Otherwise: what the client is told. Counts it.
  Error refuse(upstream::Shut why) noexcept;

  // In the pool's queue until there is room; or 429, 503. `waited`: how long the request has stood
  // in line before, and then in all.
  Task<upstream::Pick> wait(Exchange& exchange, upstream::Tried& tried, const upstream::Wish& wish,
                            Duration& waited);

  // Of the breaker of the one that it is with.
  upstream::CircuitState circuit() const noexcept {
    bool is_probe = stay_ && stay_->leave.is_probe();
    return is_probe ? upstream::CircuitState::HalfOpen : upstream::CircuitState::Closed;
  }

  // With whom there is room besides the one that it is with. None: nobody.
  upstream::Pick enter_next(upstream::Tried& tried, const upstream::Wish& wish);

  // What came of the one that it is with; it is with nobody from now on, and may ask for the next.
  // None: nothing is known.
  void leave(std::optional<upstream::Outcome> outcome) noexcept;

  // The same, and it is with the next from now on.
  void move_on(std::optional<upstream::Outcome> outcome) noexcept;

  // It is not going to the next.
  void forget_next() noexcept { end(next_); }

 private:
  class Turn;

  // What it holds of one backend.
  struct Stay {
    upstream::MemberHold member;  // which has the gate
    upstream::Gate::Leave leave;
  };

  Entered enter_as(upstream::Tried& tried, const upstream::Wish& wish, std::optional<Stay>& stay);
  void report(upstream::Outcome outcome) noexcept;
  void end(std::optional<Stay>& stay) noexcept;

  const config::PoolPlan& plan_;
  upstream::Pool& pool_;
  upstream::Guard& guard_;
  std::optional<Stay> stay_;
  std::optional<Stay> next_;
};

}  // namespace cirque::control
