#pragma once
// One request and its answer on a connection to a peer (RFC 9112, the client's half).
#include "cirque/exchange.h"
#include "h1/inbound.h"
#include "h1/outbound.h"
#include "h1/parser.h"
#include "http/forwarding.h"

namespace cirque::h1 {

struct ClientSettings {
  HeadLimits head;
  Duration first_byte = 60s;  // from the request's end to the answer's head
  Pace body{.stall = 60s};
  net::Pace write{.stall = 60s};
};

// Lives as long as one attempt; the stream outlives it. One core.
class ClientTurn {
 public:
  ClientTurn(net::Stream& stream, net::Outbox& outbox, Arena& arena,
             const ClientSettings& settings) noexcept;

  // What is to be sent: the head leaves with the first piece of the body, or with flush(), and must
  // be good until then. `upgrade`: the protocol to switch to, where the client asked for one.
  void begin(const Request& request, std::string_view upgrade);

  Task<> send(Piece piece, const Headers* trailers) {
    write_head();
    return out.send(piece, trailers);
  }

  Task<> flush() {
    write_head();
    return out.flush();
  }

  // The next head: an informational one (1xx but 101) or the final one, whose body is then `in`.
  // Never called again after a final one. Views in `into` live as long as the turn.
  //
  //   for (turn.await_head(r); !co_await ok(turn.advance_head(r));)
  //     co_await ok(turn.heed(co_await turn.readable()));
  //
  // In steps, so that whoever has many such waits going on keeps one frame for each instead of two.
  void await_head(Response& into) noexcept;
  // Parses what is here and reads what comes without waiting. True: the head is complete.
  Result<bool> advance_head(Response& into);

  net::Stream::Readable readable() noexcept { return in.stream().readable(head_until_); }

  // What the wait came to: an error, or more to wait for.
  Result<Unit> heed(const Result<Unit>& readable) noexcept;

  // The head is to be here sooner than the settings say.
  void hurry(Duration first_byte) noexcept {
    is_hurried_ = first_byte < first_byte_;
    if (is_hurried_) first_byte_ = first_byte;
  }

  // The message is over in both directions and the connection is in a known state.
  bool is_reusable() const noexcept;

  // After a 101: what has already come in of the other protocol.
  Leftover leave() noexcept { return in.leave(); }

  // A byte of the answer has been seen: the request was, or may have been, acted upon.
  bool heard() const noexcept { return heard_; }

  // Of a 101: the protocol that the peer switches to.
  std::string_view upgrade() const noexcept { return upgrade_; }

  // "Keep-Alive: timeout=N" of the final head; 0 when the peer did not say.
  unsigned keep_alive_seconds() const noexcept { return keep_alive_seconds_; }

  Inbound in;
  Outbound out;

 private:
  static constexpr unsigned kInformationalMax = 32;  // a peer that sends more wants us busy

  void write_head();
  Result<Unit> settle_head(Response& into);
  Error from_peer(Error error) const noexcept;

  Arena& arena_;
  const ClientSettings& settings_;
  ResponseParser parser_;
  const Request* unsent_ = nullptr;  // whose head is still to be written
  std::string_view asked_upgrade_;
  Method method_ = Method::Get;
  bool heard_ = false;
  bool final_ = false;
  bool keep_alive_ = false;
  std::string_view upgrade_;
  unsigned informational_ = 0;
  unsigned keep_alive_seconds_ = 0;
  Time head_until_{};
  Duration first_byte_;
  bool is_hurried_ = false;
  bool awaits_continue_ = false;  // the client sends the body once the peer has said 100 Continue
};

}  // namespace cirque::h1
