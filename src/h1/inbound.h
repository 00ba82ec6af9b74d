#pragma once
// What comes in on an HTTP/1 connection during one message: the bytes of the head in a leased
// block, then the body as a source that is pulled (RFC 9112 6, 7). The same for both directions.
#include <optional>

#include "base/blocks.h"
#include "cirque/http.h"
#include "h1/chunks.h"
#include "http/framing.h"
#include "net/pace.h"
#include "net/stream.h"

namespace cirque::h1 {

using net::Pace;

// Received bytes that belong to the next message, handed from turn to turn.
struct Leftover {
  base::Block block;
  std::size_t from = 0;
  std::size_t to = 0;

  bool empty() const noexcept { return from == to; }
};

// Lives as long as one message. One core.
class Inbound final : public Source {
 public:
  // `first`: where the head's first bytes go, if it is not empty; it must outlive the message's
  // use. Without it, or when it is full, a block is leased.
  Inbound(net::Stream& stream, base::Blocks& blocks, Arena& arena, Pace pace,
          std::span<char> first) noexcept
      : stream_(stream), blocks_(blocks), arena_(arena), pace_(pace), room_(first) {}

  void adopt(Leftover leftover) noexcept;
  Leftover leave() noexcept;

  // The head. `unread` stays where it is until more is asked for with fill(), which may move it:
  // then the result says so, and views into it must be made again.
  std::string_view unread() const noexcept { return {room_.data() + at_, filled_ - at_}; }

  void consume(std::size_t bytes) noexcept { at_ += bytes; }
  enum class Filled : std::uint8_t { InPlace, Moved, Again, End };
  // One try to read more of a head that may take `head_max` in all. Never waits: Again says that
  // the caller should, on the stream, and no block is held for nothing meanwhile.
  Result<Filled> fill(std::size_t head_max);

  // The head is read; what follows is a body of that length.
  void begin_body(http::Framing framing);

  bool is_body_complete() const noexcept { return complete_; }

  std::uint64_t body_bytes() const noexcept { return body_bytes_; }

  // Bytes beyond the message's end are already here.
  bool has_excess() const noexcept { return complete_ && (at_ != filled_ || !excess_.empty()); }

  // Asked once, right before the first wait for body bytes: the moment for 100 Continue.
  void on_first_wait(Task<> (*hook)(void*), void* context) noexcept {
    first_wait_ = hook;
    first_wait_context_ = context;
  }

  // Excused: the sender waits to be told to send its body, and until then, or until it sends some
  // all the same, its silence is not held against it.
  void excuse(bool is_excused) noexcept { is_excused_ = is_excused; }

  bool is_excused() const noexcept { return is_excused_; }

  Task<Piece> next() override;

  bool is_ready() const noexcept override { return complete_ || at_ != filled_; }

  std::optional<std::uint64_t> remaining() const noexcept override;
  bool rewind() noexcept override;
  const Headers* trailers() const noexcept override;

  net::Stream& stream() noexcept { return stream_; }

  const Pace& pace() const noexcept { return pace_; }

  // What is left of a body of known length, if all of it is still in the socket; else 0.
  std::uint64_t unbuffered() const noexcept {
    bool plain = framing_.kind == http::Framing::Kind::Length && at_ == filled_;
    return plain ? left_ : 0;
  }

  // So much of it was taken from the socket by somebody else.
  void skipped(std::uint64_t bytes) noexcept {
    left_ -= bytes;
    body_bytes_ += bytes;
    only_room_ = false;
    complete_ = left_ == 0;
  }

 private:
  // A read this large at first; it doubles while the other side keeps up and shrinks when it does
  // not.
  static constexpr std::size_t kWindowMin = 16 * 1024;

  bool is_client() const noexcept { return stream_.side() == Side::Client; }

  Task<Piece> read_on();
  void begin_message() noexcept;
  bool make_room(std::size_t head_max);
  Result<std::optional<Piece>> from_room();
  Result<std::optional<Piece>> absorb(std::span<char> raw);
  Result<std::optional<Piece>> dechunk(std::span<char> raw);
  Result<Piece> at_end();
  Piece deliver(std::string_view data, bool last) noexcept;
  void keep(std::string_view excess);
  Task<> wait();
  Task<> wait_excused();
  Error truncated() const noexcept;

  net::Stream& stream_;
  base::Blocks& blocks_;
  Arena& arena_;
  Pace pace_;

  std::span<char> room_;  // `first`, or the block
  base::Block block_;
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::size_t body_at_ = 0;  // where the body begins in the room
  bool only_room_ = true;    // nothing was read since the body began: rewind() can start over

  Leftover excess_;  // read beyond the end of a chunked body; the head's block stays as it is

  http::Framing framing_;
  std::uint64_t left_ = 0;
  std::optional<ChunkReader> chunks_;
  bool complete_ = true;
  std::uint64_t body_bytes_ = 0;
  std::size_t window_ = 64 * 1024;
  Duration waited_{};

  bool is_excused_ = false;
  Task<> (*first_wait_)(void*) = nullptr;
  void* first_wait_context_ = nullptr;
};

}  // namespace cirque::h1
