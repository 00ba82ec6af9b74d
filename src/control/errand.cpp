#include "control/errand.h"

#include "base/random.h"
#include "control/replay_body.h"
#include "control/request_part.h"
#include "control/transition.h"
#include "loop/loop.h"

namespace cirque::control {
namespace {

using upstream::Outcome;

Outcome outcome_of(int status) noexcept {
  if (status < 500) return Outcome::Good;
  bool is_gateways = status >= 502 && status <= 504;
  return is_gateways ? Outcome::Gateway : Outcome::Error;
}

// Nobody was asked: we have as many connections there as we may, or its name has no address. Or
// both sides waited for the other one to begin, which a client can bring about.
bool is_nobodys_fault(std::string_view reason) noexcept {
  return reason == "upstream_connection_limit" || reason == "upstream_dns_failed" ||
         reason == "upstream_continue_timeout";
}

// Of one attempt; none: it was not the backend's doing, and nothing is known of it.
std::optional<Outcome> outcome_of(const Error& error) noexcept {
  if (is_nobodys_fault(error.reason)) return std::nullopt;
  return error.reason == "upstream_status" ? outcome_of(error.status) : Outcome::Gateway;
}

// The same of the whole.
std::optional<Outcome> outcome_of(const Exchange& exchange) noexcept {
  if (exchange.reason.empty()) {
    bool is_answered = exchange.attempts > 0;
    return is_answered ? std::optional(outcome_of(exchange.response.status)) : std::nullopt;
  }
  bool is_upstreams =
      exchange.reason.starts_with("upstream_") && !is_nobodys_fault(exchange.reason);
  return is_upstreams ? std::optional(Outcome::Gateway) : std::nullopt;
}

// Twice as long each time, less up to half of it by chance: those who failed together do not come
// back together.
Duration pause_before(unsigned retry, const config::RetryPlan& retries) noexcept {
  thread_local base::Random random;
  auto pause = retries.backoff * (1U << std::min(retry - 1, 16U));
  pause = std::min(pause, retries.backoff_max);
  auto half = static_cast<std::uint64_t>(pause.count() / 2);
  return pause - Duration(half > 0 ? random.next() % half : 0);
}

}  // namespace

Peer Errand::peer() const noexcept {
  return {.address = {},
          .name = {},
          .backend = pick_.seat().backend.get(),
          .metrics = pick_.seat().metrics,
          .terms = &plan_->retries.terms};
}

Error Errand::nobody() const noexcept {
  bool unresolved = pool_->is_empty();
  return {.fault = Fault::NoPeer,
          .side = Side::Upstream,
          .status = 503,
          .reason = unresolved ? "upstream_dns_failed" : "no_healthy_backend"};
}

// A body that can be sent twice is kept as it passes, as long as there is room for it.
void Errand::keep_body(Exchange& exchange) {
  auto& body = exchange.request.body;
  auto most = plan_->retries.body_max;
  bool is_resent = plan_->retries.terms.sends > 1 && is_idempotent(exchange.request.method);
  if (!is_resent || body->remaining().value_or(0) > most) return;
  body = Body::borrow(exchange.arena.make<ReplayBody>(std::move(body), most));
}

void Errand::read_wish(Exchange& exchange) {
  if (plan_->hash_by) wish_.hash = hash_of(*plan_->hash_by, exchange);
  if (const auto& sticky = plan_->terms.sticky) {
    auto cookie = cookie_of(exchange.request, sticky->policy.name);
    if (!cookie.empty()) wish_.cookie = pool_->read_cookie(cookie);
  }
}

// Whoever has the cookie of this member already needs no other.
void Errand::tell_cookie(Exchange& exchange) const {
  if (!pick_.keeps_clients()) return exchange.stamps().drop(Name::SetCookie);
  const auto& cookie = wish_.cookie;
  bool has_it = cookie && cookie->is_current && cookie->identity == pick_.identity();
  if (has_it) {
    exchange.stamps().drop(Name::SetCookie);
  } else {
    exchange.stamps().set(Name::SetCookie, pick_.cookie(exchange.link.tls));
  }
}

Task<Peer> Errand::choose(Exchange& exchange) {
  if (is_retry_) return choose_again(exchange);
  if (exchange.request.body && exchange.attempts == 0) keep_body(exchange);
  if (plan_->is_particular) [[unlikely]]
    read_wish(exchange);
  return choose_now(exchange);
}

Task<Peer> Errand::choose_now(Exchange& exchange) {
  if (auto* gated = lobby()) return choose_with_room(exchange, *gated);
  auto pick = pool_->choose(tried_, wish_);
  if (!pick) return fail(nobody());
  return settle(exchange, std::move(pick));
}

// Where backends have limits of their own.
Task<Peer> Errand::choose_with_room(Exchange& exchange, Lobby& lobby) {
  if (pool_->is_empty()) return fail(nobody());
  auto entered = lobby.enter(tried_, wish_);
  if (entered) return settle(exchange, std::move(*entered));
  auto why = entered.error();
  if (lobby.has_line_for(why)) return wait_for_room(exchange);
  if (why == upstream::Shut::Cut) {
    stamp_open_circuit(exchange, pool_->until_open(loop::turn_time()));
  }
  exchange.log_fields().set("pool", plan_->name);
  return fail(lobby.refuse(why));
}

Task<Peer> Errand::wait_for_room(Exchange& exchange) {
  co_return settle(exchange, co_await ok(passage_->wait_in_lobby(exchange, tried_, wish_)));
}

Peer Errand::settle(Exchange& exchange, upstream::Pick pick) {
  pick_ = std::move(pick);
  if (plan_->terms.sticky) tell_cookie(exchange);
  bool has_circuit = plan_->terms.gates.has_breaker() && !plan_->guard.has_breaker;
  if (has_circuit) stamp_circuit(exchange, lobby()->circuit());
  return peer();
}

// Besides the one that it is with; none: nobody.
upstream::Pick Errand::choose_next() {
  auto* gated = lobby();
  return gated ? gated->enter_next(tried_, wish_) : pool_->choose(tried_, wish_);
}

// After a pause, in which nobody was kept from the one that it could have gone to: much can happen
// meanwhile.
Task<Peer> Errand::choose_again(Exchange& exchange) {
  is_retry_ = false;
  if (pause_ > Duration::zero()) {
    co_await exchange.sleep(pause_);
    co_return co_await ok(choose_now(exchange));
  }
  co_return settle(exchange, std::move(next_));
}

// It may be asked later, as if it had never been chosen.
void Errand::put_back_next() noexcept {
  next_.reset();
  tried_.forget_last();
  if (auto* gated = lobby()) gated->forget_next();
}

// Where who failed may be asked once more, as all have been.
bool Errand::begin_again() noexcept {
  const auto& retries = plan_->retries;
  if (!retries.same_backend || restarts_ + 1 >= retries.terms.sends) return false;
  ++restarts_;
  tried_.forget();
  return true;
}

Recovery Errand::on_failure(Exchange& exchange, const Error& error) {
  auto outcome = outcome_of(error);
  // Who has not seen the request did no work for it: only the others cost of the budget, and need
  // time to recover.
  bool is_costly = exchange.seen;
  next_ = choose_next();
  if (!next_ && begin_again()) {
    is_costly = true;
    if (auto* gated = lobby()) gated->leave(outcome);  // its own seat may be the one it needs
    next_ = choose_next();
  }
  // A bad answer is then the last one, and counted when it has been told.
  if (!next_) return Recovery::NobodyElse;
  bool may_retry = !is_costly || pool_->take_retry(loop::turn_time());
  pause_ = is_costly && may_retry ? pause_before(++pauses_, plan_->retries) : Duration::zero();
  if (!may_retry || pause_ > Duration::zero()) put_back_next();
  if (!may_retry) return Recovery::OverBudget;
  if (outcome) pick_.report(*outcome);
  pick_.reset();
  if (auto* gated = lobby()) gated->move_on(outcome);
  is_retry_ = true;
  return Recovery::Retry;
}

void Errand::on_done(const Exchange& exchange) noexcept {
  auto outcome = outcome_of(exchange);
  if (pick_) {
    if (outcome) pick_.report(*outcome);
    if (outcome == Outcome::Good) pick_.observe(exchange.head_latency());
    pick_.reset();
  }
  if (passage_) passage_->leave(exchange, outcome);
}

}  // namespace cirque::control
