#include "control/passage.h"

#include "base/log.h"
#include "control/stopwatch.h"
#include "control/transition.h"
#include "loop/loop.h"

namespace cirque::control {
namespace {

Error refusal(Side side, std::uint16_t status, std::string_view reason) {
  auto fault = side == Side::Client ? Fault::TooLarge : Fault::Overload;
  return {.fault = fault, .side = side, .status = status, .reason = reason};
}

// A body that ends with an error when it is longer than it may be.
class LimitedBody final : public Source {
 public:
  LimitedBody(Body inner, std::uint64_t most) noexcept
      : inner_(std::move(inner)), most_(most), left_(most) {}

  Task<Piece> next() override {
    Piece piece = co_await ok(inner_->next());
    if (piece.data.size() > left_) co_return fail(too_large());
    left_ -= piece.data.size();
    co_return piece;
  }

  bool is_ready() const noexcept override { return inner_->is_ready(); }

  std::optional<std::uint64_t> remaining() const noexcept override { return inner_->remaining(); }

  bool rewind() noexcept override {
    left_ = most_;
    return inner_->rewind();
  }

  const Headers* trailers() const noexcept override { return inner_->trailers(); }

  static Error too_large() { return refusal(Side::Client, 413, "request_body_too_large"); }

 private:
  Body inner_;
  const std::uint64_t most_;
  std::uint64_t left_;
};

void tell(const config::PoolPlan& plan, const Transition& change) {
  log::warn("upstream", change.message,
            {{"placement", plan.name},
             {"old_state", change.from},
             {"new_state", change.to},
             {"failures", change.failures},
             {"reason", change.why},
             {"timestamp", log::unix_seconds()}});
}

}  // namespace

Result<Passage::Entry> Passage::enter(Exchange& exchange, const Lane& lane, std::uint32_t pool) {
  const auto& plan = lane.blueprint->pools[pool];
  const auto& guard = lane.pools[pool].guard;
  bool is_limited = plan.guard.is_limited();
  place_ = is_limited ? guard->limit.try_acquire() : std::nullopt;
  adaptive_ = plan.guard.is_adaptive() ? &guard->adaptive : nullptr;
  bool is_full = is_limited && !place_;
  if (is_full && plan.guard.queue.size == 0) {
    guard->refusals.full.fetch_add(1, std::memory_order_relaxed);
    end();
    return fail(refusal(Side::Us, 429, "concurrency_limit"));
  }
  if (plan.body_max > 0) {
    auto fits = limit_body(exchange, plan.body_max);
    if (!fits) {
      guard->refusals.too_large.fetch_add(1, std::memory_order_relaxed);
      end();
      return fail(fits.error());
    }
  }
  return is_full ? Entry::Full : Entry::Free;
}

Task<> Passage::wait(Exchange& exchange, const Lane& lane, std::uint32_t pool) {
  auto& queue = *lane.pools[pool].guard->queue;
  auto patience = lane.blueprint->pools[pool].guard.queue.patience - waited_;
  auto wait = queue.wait(exchange.core(), patience);
  Stopwatch stopwatch(exchange, waited_, wait);
  place_ = co_await ok(co_await wait);
  co_return done;
}

Result<config::Arrival> Passage::pass(Exchange& exchange, const Lane& lane,
                                      const config::Decision& decision) {
  auto arrival = find_open(exchange, lane, decision);
  if (!arrival) {
    end();
    return arrival;
  }
  auto pool = arrival->pool;
  const auto& plan = lane.blueprint->pools[pool];
  const auto& serving = lane.pools[pool];
  if (plan.terms.gates.is_any()) {
    lobby_ = &exchange.arena.make<Lobby>(plan, *serving.pool, *serving.guard);
  }
  return arrival;
}

Task<upstream::Pick> Passage::wait_in_lobby(Exchange& exchange, upstream::Tried& tried,
                                            const upstream::Wish& wish) {
  return lobby_->wait(exchange, tried, wish, waited_);
}

Result<Unit> Passage::limit_body(Exchange& exchange, std::uint64_t most) {
  auto& body = exchange.request.body;
  if (!body) return done;
  auto announced = body->remaining();
  if (announced && *announced > most) return fail(LimitedBody::too_large());
  if (!announced) {
    body = Body::borrow(exchange.arena.make<LimitedBody>(std::move(body), most));
  }
  return done;
}

// How it looks to a request that means to go there: it holds the permit of the pool that it is at.
struct Passage::Eyes {
  Passage& passage;
  Exchange& exchange;
  const Lane& lane;

  bool admits(std::uint32_t pool) { return passage.admit(exchange, lane, pool); }

  bool has_healthy(std::uint32_t pool) { return lane.pools[pool].pool->has_healthy(); }

  bool is_cut(std::uint32_t pool) { return lane.pools[pool].pool->is_cut(loop::turn_time()); }

  void pass_by(std::uint32_t, config::Obstacle) noexcept {}
};

Duration Passage::until_open(const Lane& lane, std::uint32_t pool) {
  auto now = loop::turn_time();
  const auto& [serving, guard] = lane.pools[pool];
  bool has_breaker = lane.blueprint->pools[pool].guard.has_breaker;
  auto wait = has_breaker ? guard->breaker.wait(now) : Duration::zero();
  return wait > Duration::zero() ? wait : serving->until_open(now);
}

Result<config::Arrival> Passage::find_open(Exchange& exchange, const Lane& lane,
                                           const config::Decision& decision) {
  using config::Obstacle;
  auto arrival = config::find_open(*lane.blueprint, decision, Eyes{*this, exchange, lane});
  if (arrival.refusal == Obstacle::None) {
    if (arrival.failover == Obstacle::None) return arrival;
    lane.pools[decision.index].guard->count_failover(arrival.failover == Obstacle::CircuitOpen);
    auto why = name_of(arrival.failover);
    exchange.stamps().set(Name::XFailoverReason, why);
    exchange.log_fields().set("failover_reason", why);
    return arrival;
  }
  if (arrival.refusal == Obstacle::CircuitOpen) {
    lane.pools[arrival.pool].guard->refusals.cut.fetch_add(1, std::memory_order_relaxed);
    stamp_open_circuit(exchange, until_open(lane, arrival.pool));
    return fail(refusal(Side::Us, 503, "circuit_open"));
  }
  if (arrival.is_circle) return fail(refusal(Side::Us, 503, "no_healthy_backend"));
  return arrival;  // the pool itself tells that nobody is there
}

// True also where there is no breaker.
bool Passage::admit(Exchange& exchange, const Lane& lane, std::uint32_t pool) {
  const auto& plan = lane.blueprint->pools[pool];
  permit_.reset();  // of the pool before, for which this one stands in
  if (!plan.guard.has_breaker) return true;
  permit_ = lane.pools[pool].guard->breaker.admit(loop::turn_time());
  plan_ = &plan;
  bool is_probe = permit_ && permit_->is_probe();
  stamp_circuit(exchange, !permit_   ? upstream::CircuitState::Open
                          : is_probe ? upstream::CircuitState::HalfOpen
                                     : upstream::CircuitState::Closed);
  if (is_probe) tell(plan, half_opened());
  return permit_.has_value();
}

// How long an answer took that was good, or at least, for how long none came. What failed at once
// was quick for the wrong reason.
void Passage::teach(const Exchange& exchange, std::optional<upstream::Outcome> outcome) noexcept {
  auto now = loop::turn_time();
  auto latency = exchange.head_latency();
  bool is_good = outcome == upstream::Outcome::Good && latency > Duration::zero();
  bool is_late = exchange.reason.starts_with("upstream_") && exchange.reason.ends_with("_timeout");
  if (is_good) {
    adaptive_->on_answer(latency, now);
  } else if (is_late) {
    adaptive_->on_answer(now - exchange.started - waited_, now);
  }
}

// What it was given and has come to nothing.
void Passage::end() noexcept {
  place_.reset();
  permit_.reset();
}

void Passage::leave(const Exchange& exchange, std::optional<upstream::Outcome> outcome) noexcept {
  if (adaptive_) teach(exchange, outcome);  // while it counts as under way
  place_.reset();
  if (lobby_) lobby_->leave(outcome);
  if (!permit_) return;
  // A circuit is open from now on, not from when a long request began, nor a long turn.
  using Change = upstream::Breaker::Change;
  if (outcome && *outcome != upstream::Outcome::Good) {
    bool was_probe = permit_->is_probe();
    if (permit_->fail(loop::monotonic_now()) == Change::Opened) {
      tell(*plan_, opened(was_probe, plan_->guard.breaker.failure_threshold));
    }
  } else if (outcome && permit_->succeed(loop::turn_time()) == Change::Closed) {
    tell(*plan_, closed());
  }
  permit_.reset();
}

}  // namespace cirque::control
