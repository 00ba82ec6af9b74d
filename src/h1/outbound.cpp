#include "h1/outbound.h"

#include <array>
#include <utility>

#include "h1/writer.h"

namespace cirque::h1 {

Task<> Outbound::flush() {
  if (head_.empty()) return done;
  iovec piece = net::piece_of(std::exchange(head_, {}));
  begun_ = true;
  if (ends_ && telling_.kind == Telling::Kind::None) stream_.end_follows();
  return outbox_.write(stream_, {&piece, 1}, pace_, nullptr);
}

Task<> Outbound::send_now(std::string_view head) {
  iovec piece = net::piece_of(head);
  return outbox_.write(stream_, {&piece, 1}, pace_, nullptr);
}

Result<Unit> Outbound::account(const Piece& piece) noexcept {
  body_bytes_ += piece.data.size();
  bool told = telling_.kind == Telling::Kind::Length || telling_.kind == Telling::Kind::None;
  bool surplus = told && body_bytes_ > telling_.bytes;
  bool missing = told && piece.last && body_bytes_ < telling_.bytes;
  if (!surplus && !missing) return done;
  body_bytes_ -= piece.data.size();  // it is not sent, but an error page may be
  return fail({.fault = Fault::Malformed, .reason = "body_length_mismatch"});
}

// Head and body as one stretch where copying a small body is cheaper than having the kernel gather
// two.
std::array<iovec, 2> Outbound::join(std::string_view head, std::string_view body) {
  constexpr std::size_t kCopyBytesMax = 1024;
  if (head.empty() || body.empty()) return {net::piece_of(head.empty() ? body : head), iovec{}};
  auto room = outbox_.room();
  bool fits = head.data() == room.data() && head.size() + body.size() <= room.size();
  if (!fits || body.size() > kCopyBytesMax) return {net::piece_of(head), net::piece_of(body)};
  body.copy(room.data() + head.size(), body.size());
  return {iovec{room.data(), head.size() + body.size()}, iovec{}};
}

Task<> Outbound::send(Piece piece, const Headers* trailers) {
  if (auto fits = account(piece); !fits) return fail(fits.error());
  if (telling_.kind == Telling::Kind::Chunked) {
    return send_chunk(piece, trailers);
  }
  if (head_.empty() && piece.data.empty()) {
    complete_ = piece.last;
    return done;
  }
  auto pieces = join(std::exchange(head_, {}), piece.data);
  begun_ = true;
  if (ends_ && piece.last) stream_.end_follows();
  bool two = pieces[1].iov_len > 0;
  return outbox_.write(stream_, {pieces.data(), two ? 2UL : 1UL}, pace_,
                       piece.last ? &complete_ : nullptr);
}

Task<> Outbound::send_chunk(Piece piece, const Headers* trailers) {
  ChunkLine line;
  std::array<iovec, 5> pieces;
  std::size_t count = 0;
  auto add = [&](std::string_view text) {
    if (!text.empty()) pieces[count++] = net::piece_of(text);
  };
  add(std::exchange(head_, {}));
  if (!piece.data.empty()) {
    add(write_chunk_line(line, piece.data.size()));
    add(piece.data);
    add("\r\n");
  }
  if (piece.last) add(write_last_chunk(trailers, arena_));
  if (count == 0) return done;
  begun_ = true;
  if (ends_ && piece.last) stream_.end_follows();
  return outbox_.write(stream_, {pieces.data(), count}, pace_, piece.last ? &complete_ : nullptr);
}

}  // namespace cirque::h1
