#pragma once
// A request at its pool: with whom it is, with whom it will be next, and what came of it.
#include "cirque/app.h"
#include "control/lane.h"
#include "control/passage.h"

namespace cirque::control {

// Lives as long as its exchange, in whose arena it is. One core.
class Errand {
 public:
  // The pool, by its index in the blueprint. `passage`: what it passed on the way; null: nothing.
  void go_to(const Lane& lane, std::uint32_t pool, Passage* passage = nullptr) noexcept {
    plan_ = &lane.blueprint->pools[pool];
    pool_ = lane.pools[pool].pool.get();
    passage_ = passage;
  }

  // See App for what these are asked.
  Task<Peer> choose(Exchange& exchange);
  Recovery on_failure(Exchange& exchange, const Error& error);
  void on_done(const Exchange& exchange) noexcept;

 private:
  Task<Peer> choose_now(Exchange& exchange);
  Task<Peer> choose_again(Exchange& exchange);
  Task<Peer> choose_with_room(Exchange& exchange, Lobby& lobby);
  Task<Peer> wait_for_room(Exchange& exchange);
  Peer settle(Exchange& exchange, upstream::Pick pick);
  upstream::Pick choose_next();
  bool begin_again() noexcept;

  Lobby* lobby() const noexcept { return passage_ ? passage_->lobby() : nullptr; }

  void keep_body(Exchange& exchange);
  void put_back_next() noexcept;
  void read_wish(Exchange& exchange);
  void tell_cookie(Exchange& exchange) const;
  Peer peer() const noexcept;
  Error nobody() const noexcept;

  const config::PoolPlan* plan_ = nullptr;
  upstream::Pool* pool_ = nullptr;
  Passage* passage_ = nullptr;
  upstream::Pick pick_;  // with whom it is, until it is known what came of that
  upstream::Pick next_;  // with whom it will be, where it need not wait for that
  bool is_retry_ = false;
  Duration pause_{};  // before that
  upstream::Wish wish_;
  upstream::Tried tried_;
  unsigned pauses_ = 0;    // so many so far
  unsigned restarts_ = 0;  // with those that were tried
};

}  // namespace cirque::control
