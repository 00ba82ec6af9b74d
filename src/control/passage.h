#pragma once
// A request's way past what stands before its pool: the limit of requests at a time, the limit of
// its body, the line of those who wait, the circuit breaker, and whoever stands in when nobody is
// there. In this order.
#include <optional>

#include "cirque/exchange.h"
#include "config/blueprint.h"
#include "config/failover.h"
#include "control/lane.h"
#include "control/lobby.h"

namespace cirque::control {

// Lives as long as its exchange, in whose arena it is.
class Passage {
 public:
  // The limits of a pool: first of the one that it is for, then of the one that stands in, if one
  // does; its place with the first is free then. Full: there is a line to wait in. Or 413, 429.
  enum class Entry : std::uint8_t { Free, Full };
  Result<Entry> enter(Exchange& exchange, const Lane& lane, std::uint32_t pool);

  // Until there is room; or 503.
  Task<> wait(Exchange& exchange, const Lane& lane, std::uint32_t pool);

  // Once there was room: the pool that it comes to; or 503. The answer is stamped with what
  // happened: X-Circuit-State, X-Failover-Reason.
  Result<config::Arrival> pass(Exchange& exchange, const Lane& lane,
                               const config::Decision& decision);

  // Where its pool's backends have gates, and none has room: until one has. It is in line once,
  // whatever for.
  Task<upstream::Pick> wait_in_lobby(Exchange& exchange, upstream::Tried& tried,
                                     const upstream::Wish& wish);

  // Null: they have none.
  Lobby* lobby() noexcept { return lobby_; }

  // The exchange is over, and that came of it. None: nothing is known, as the client broke it off.
  void leave(const Exchange& exchange, std::optional<upstream::Outcome> outcome) noexcept;

 private:
  struct Eyes;

  void teach(const Exchange& exchange, std::optional<upstream::Outcome> outcome) noexcept;
  void end() noexcept;
  Result<config::Arrival> find_open(Exchange& exchange, const Lane& lane,
                                    const config::Decision& decision);
  static Result<Unit> limit_body(Exchange& exchange, std::uint64_t most);
  static Duration until_open(const Lane& lane, std::uint32_t pool);
  bool admit(Exchange& exchange, const Lane& lane, std::uint32_t pool);

  Duration waited_{};  // in line
  Lobby* lobby_ = nullptr;
  base::AdaptiveLimit* adaptive_ = nullptr;  // of the pool that it has a place with
  std::optional<base::ConcurrencyLimit::Permit> place_;
  std::optional<upstream::Breaker::Permit> permit_;
  const config::PoolPlan* plan_ = nullptr;  // that the permit is for
};

}  // namespace cirque::control
