#pragma once
// What goes out on an HTTP/1 connection during one message: a head, together with the first bytes
// of the body where they are there, then the body in its framing (RFC 9112 7).
#include <array>
#include <optional>

#include "cirque/http.h"
#include "net/outbox.h"

namespace cirque::h1 {

// How the length of an outgoing body is told.
struct Telling {
  enum class Kind : std::uint8_t { None, Length, Chunked, UntilClose };
  Kind kind = Kind::None;
  std::uint64_t bytes = 0;
};

// Lives as long as one message. One core.
class Outbound {
 public:
  // `pace`: of who takes it; it outlives the message.
  Outbound(net::Stream& stream, net::Outbox& outbox, Arena& arena, const net::Pace& pace) noexcept
      : stream_(stream), outbox_(outbox), arena_(arena), pace_(pace) {}

  // `ends`: after this message we close the connection.
  void begin(Telling telling, bool ends = false) noexcept {
    telling_ = telling;
    ends_ = ends;
  }

  // To be followed by send() or flush() at once: `head` may lie in the outbox's room.
  void put(std::string_view head) noexcept { head_ = head; }

  Task<> flush();
  // A body that is longer or shorter than was told is an error, before the surplus is sent.
  Task<> send(Piece piece, const Headers* trailers);
  // A head that stands alone: 100 Continue, 103 Early Hints.
  Task<> send_now(std::string_view head);

  bool has_begun() const noexcept { return begun_; }  // a byte of the message has been sent

  bool is_complete() const noexcept { return complete_; }

  net::Stream& stream() noexcept { return stream_; }

  const net::Pace& pace() const noexcept { return pace_; }

  // What is still to be sent of a body of known length; else 0.
  std::uint64_t left() const noexcept {
    return telling_.kind == Telling::Kind::Length ? telling_.bytes - body_bytes_ : 0;
  }

  // So much of it was put into the socket by somebody else.
  void passed(std::uint64_t bytes) noexcept {
    body_bytes_ += bytes;
    complete_ = left() == 0;
  }

  const Telling& telling() const noexcept { return telling_; }

  net::Outbox& outbox() const noexcept { return outbox_; }

  std::uint64_t body_bytes() const noexcept { return body_bytes_; }

 private:
  Task<> send_chunk(Piece piece, const Headers* trailers);
  std::array<iovec, 2> join(std::string_view head, std::string_view body);
  Result<Unit> account(const Piece& piece) noexcept;

  net::Stream& stream_;
  net::Outbox& outbox_;
  Arena& arena_;
  const net::Pace& pace_;
  std::string_view head_;
  Telling telling_;
  bool ends_ = false;
  bool begun_ = false;
  bool complete_ = false;
  std::uint64_t body_bytes_ = 0;
};

}  // namespace cirque::h1
