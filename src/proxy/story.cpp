#include "proxy/story.h"

#include "h1/relay.h"
#include "http/forwarding.h"
#include "proxy/attempts.h"
#include "proxy/tunnel.h"

namespace cirque::proxy {
namespace {

void filter_request_body(Journey& x) {
  if (!x.site.stations.request_body || !x.request.body) return;
  x.request.body = x.site.app->on_request_body(x, std::move(x.request.body));
}

void filter_response_body(Journey& x) {
  if (!x.site.stations.response_body || !x.response.body) return;
  x.response.body = x.site.app->on_response_body(x, std::move(x.response.body));
}

// No station has put itself between: the body comes straight from the backend's connection.
bool is_the_peers_own(const Journey& x, const Body& body) noexcept {
  return x.call && &*body == &x.call->turn.in;
}

// What is left of the body, `first` in front.
Task<> deliver_body(Journey& x, std::optional<Piece> first) {
  auto& client = *x.client;
  Body& body = x.response.body;
  if (first) co_await ok(client.send(*first, nullptr));
  for (unsigned round = 1;; ++round) {
    if (is_the_peers_own(x, body) && h1::can_relay(x.call->turn.in, client.out)) {
      co_await ok(client.flush());
      co_return co_await h1::relay(x.call->turn.in, client.out, x.worker.pipes);
    }
    if (!body->is_ready())
      co_await ok(client.flush());  // what is here does not wait for what is not
    Piece piece = co_await ok(body->next());
    co_await ok(client.send(piece, piece.last ? body->trailers() : nullptr));
    if (piece.last) co_return done;
    if (round % 16 == 0) co_await x.worker.loop.breathe();
  }
}

Task<> deliver_later(Journey& x, Task<Piece> next) {
  Piece first = co_await ok(std::move(next));
  if (first.last) co_return co_await x.client->send(first, x.response.body->trailers());
  co_return co_await deliver_body(x, first);
}

}  // namespace

Task<> tell(Journey& x) {
  if (!x.rules.trusted.empty()) x.find_client();
  if (x.site.stations.request) {
    if (co_await ok(co_await x.site.app->on_request(x)) == Step::Verdict::Answered) {
      x.answered_by_us = true;
      co_return co_await deliver(x);
    }
  }
  http::add_forwarding(x.request, {.client = x.link.client,
                                   .scheme = x.link.tls ? "https" : "http",
                                   .client_is_trusted = x.rules.trusts(x.link.client),
                                   .request_id = x.id});
  filter_request_body(x);
  co_await ok(attempt_until_answered(x));

  if (x.response.status == 101) co_return co_await tunnel(x);
  if (x.site.stations.response) {
    co_await ok(co_await x.site.app->on_response(x, x.response));
  }
  filter_response_body(x);
  http::add_via(x.response);
  co_return co_await deliver(x);
}

Task<> deliver(Journey& x) {
  auto& client = *x.client;
  Body& body = x.response.body;
  x.status_sent = x.response.status;
  if (x.is_last()) client.close_after();
  x.stamp();
  bool wants_body = client.begin(x.response, body ? &*body : nullptr);
  if (!wants_body || !body) return client.send({.data = {}, .last = true}, nullptr);
  if (!body->is_ready()) return deliver_body(x, std::nullopt);
  // Most answers came whole, with their head: they go on in one piece.
  auto first = body->next();
  if (!first.is_ready()) return deliver_later(x, std::move(first));
  if (!*first.result()) return fail(first.result()->error());
  Piece piece = **first.result();
  return piece.last ? client.send(piece, body->trailers()) : deliver_body(x, piece);
}

}  // namespace cirque::proxy
