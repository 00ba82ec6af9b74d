#include "proxy/tunnel.h"

namespace cirque::proxy {
namespace {

// Both directions of one tunnel. Dies with the exchange, and both copies with it.
class Tunnel final : private detail::Owner {
 public:
  explicit Tunnel(Journey& journey) noexcept
      : x_(journey),
        client_(journey.client->in.stream()),
        peer_(journey.call->connection->stream),
        active_(journey.worker.loop.now()) {}

  Task<> run(h1::Leftover from_client, h1::Leftover from_peer) {
    co_await ok(pass(from_peer, client_));
    co_await ok(pass(from_client, peer_));
    up_ = copy(client_, peer_);
    up_.start(this);
    co_await ok(copy(peer_, client_));
    // The peer has ended. The client may go on sending, as on any half-closed connection.
    if (!up_.is_settled()) co_await Ended{*this};
    co_return up_.take();
  }

 private:
  struct Ended {
    Tunnel& tunnel;

    bool await_ready() const noexcept { return false; }

    void await_suspend(std::coroutine_handle<> h) noexcept { tunnel.waiter_ = h; }

    void await_resume() const noexcept {}
  };

  Duration idle_limit() const noexcept { return x_.rules.timeouts.tunnel_idle; }

  net::Pace pace() const noexcept { return {.stall = idle_limit()}; }

  Task<> pass(h1::Leftover& early, net::Stream& to) {
    if (early.empty()) co_return done;
    iovec piece{early.block.data() + early.from, early.to - early.from};
    co_await ok(to.write({&piece, 1}, pace(), x_.worker.blocks));
    co_return done;
  }

  // One direction, until its sender ends.
  Task<> copy(net::Stream& from, net::Stream& to) {
    for (;;) {
      auto room = x_.worker.blocks.scratch();
      auto taken = co_await ok(from.take(room));
      if (taken.kind == net::Taken::Kind::End) {
        to.end_writing();
        co_return done;
      }
      if (taken.kind == net::Taken::Kind::Again) {
        co_await ok(wait(from));
        continue;
      }
      active_ = x_.worker.loop.now();
      iovec piece{room.data(), taken.bytes};
      co_await ok(to.write({&piece, 1}, pace(), x_.worker.blocks));
    }
  }

  // Quiet in one direction is not idleness while the other talks.
  Task<> wait(net::Stream& from) {
    for (;;) {
      auto readable = co_await from.readable(active_ + idle_limit());
      if (readable) co_return done;
      if (active_ + idle_limit() > x_.worker.loop.now()) continue;
      auto error = readable.error();
      error.reason = "tunnel_idle_timeout";
      co_return fail(error);
    }
  }

  void settled() noexcept override {
    auto outcome = up_.take();
    if (!outcome) return x_.interrupt.raise(outcome.error());
    if (waiter_) waiter_.resume();
  }

  Journey& x_;
  net::Stream& client_;
  net::Stream& peer_;
  Time active_;
  Task<> up_;
  std::coroutine_handle<> waiter_;
};

}  // namespace

Task<> tunnel(Journey& x) {
  x.tunnelling = true;
  x.status_sent = 101;
  x.client->switch_to(x.call->turn.upgrade());
  x.stamp();
  x.client->begin(x.response, nullptr);
  co_await ok(x.client->send({.data = {}, .last = true}, nullptr));
  Tunnel both(x);
  auto outcome = co_await both.run(x.client->leave(), x.call->turn.leave());
  // However a tunnel ends, it is not an HTTP error.
  if (!outcome) x.reason = outcome.error().reason;
  co_return done;
}

}  // namespace cirque::proxy
