#pragma once
// What goes out on an HTTP/1 connection during one message: a head, kept back until the first bytes of
// the body can leave in the same call, then the body in its framing (RFC 9112 7).
#include <array>
#include <optional>

#include "base/blocks.h"
#include "cirque/http.h"
#include "net/stream.h"

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
  Outbound(net::Stream& stream, base::Blocks& blocks, Arena& arena, Duration stall) noexcept
      : stream_(stream), blocks_(blocks), arena_(arena), stall_(stall) {}

  // `head` must stay good until it is sent: with the first piece, or by flush().
  void begin(std::string_view head, Telling telling) noexcept;
  Task<> flush();
  // A body that is longer or shorter than was told is an error, before the surplus is sent.
  Task<> send(Piece piece, const Headers* trailers);
  // A head that stands alone: 100 Continue, 103 Early Hints.
  Task<> send_now(std::string_view head);

  bool has_begun() const noexcept { return begun_; }   // a byte of the message has been sent
  bool is_complete() const noexcept { return complete_; }
  std::uint64_t body_bytes() const noexcept { return body_bytes_; }

 private:
  Task<> send_chunk(Piece piece, const Headers* trailers);
  std::array<iovec, 2> join(std::string_view head, std::string_view body);
  Result<Unit> account(const Piece& piece) noexcept;

  net::Stream& stream_;
  base::Blocks& blocks_;
  Arena& arena_;
  Duration stall_;
  std::string_view head_;
  Telling telling_;
  bool begun_ = false;
  bool complete_ = false;
  std::uint64_t body_bytes_ = 0;
};

}  // namespace cirque::h1
