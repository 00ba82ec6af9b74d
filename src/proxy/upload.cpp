#include "proxy/upload.h"

#include "proxy/journey.h"

namespace cirque::proxy {

Task<> Upload::start() {
  auto& out = journey_.call->turn;
  Body& body = journey_.request.body;
  if (!body) {
    co_await ok(out.send({.data = {}, .last = true}, nullptr));
    co_return done;
  }
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
  for (unsigned round = 1;; ++round) {
    Piece piece = co_await ok(body->next());
    co_await ok(out.send(piece, piece.last ? body->trailers() : nullptr));
    if (piece.last) co_return done;
    if (round % 16 == 0) co_await journey_.worker.loop.breathe();
  }
}

void Upload::settled() noexcept {
  auto outcome = task_.take();
  if (!outcome && outcome.error().side != Side::Upstream) journey_.interrupt.raise(outcome.error());
}

}  // namespace cirque::proxy
