#include "proxy/upload.h"

#include "h1/relay.h"
#include "proxy/journey.h"

namespace cirque::proxy {

Task<> Upload::start() {
  if (journey_.request.body) return start_body();
  return journey_.call->turn.send({.data = {}, .last = true}, nullptr);
}

Task<> Upload::start_body() {
  auto& out = journey_.call->turn;
  Body& body = journey_.request.body;
  bool whole = false;
  if (body->is_ready()) {
    Piece first = co_await ok(body->next());
    whole = first.last;
    co_await ok(out.send(first, whole ? body->trailers() : nullptr));
  } else {
    co_await ok(out.flush());
  }
  if (whole) co_return done;
  task_ = pump();
  task_.start(this);
  co_return done;
}

Task<> Upload::pump() {
  auto& out = journey_.call->turn;
  Body& body = journey_.request.body;
  auto& in = journey_.client->in;
  bool is_the_clients_own = &*body == &in;
  for (unsigned round = 1;; ++round) {
    if (is_the_clients_own && h1::can_relay(in, out.out)) {
      co_return co_await ok(h1::relay(in, out.out, journey_.worker.pipes));
    }
    Piece piece = co_await ok(body->next());
    co_await ok(out.send(piece, piece.last ? body->trailers() : nullptr));
    if (piece.last) co_return done;
    if (round % 16 == 0) co_await journey_.worker.loop.breathe();
  }
}

// A peer that broke the connection may have answered before, which reading will tell. One that
// takes nothing more for the whole time-out is not going to answer.
void Upload::settled() noexcept {
  auto outcome = task_.take();
  if (outcome) return;
  bool reading_will_tell =
      outcome.error().side == Side::Upstream && outcome.error().fault != Fault::Timeout;
  if (!reading_will_tell) journey_.interrupt.raise(outcome.error());
}

}  // namespace cirque::proxy
