#include "h1/inbound.h"

#include <algorithm>
#include <cstring>

namespace cirque::h1 {

void Inbound::adopt(Leftover leftover) noexcept {
  if (leftover.empty()) return;
  block_ = std::move(leftover.block);
  room_ = block_.span();
  at_ = leftover.from;
  filled_ = leftover.to;
}

Leftover Inbound::leave() noexcept {
  if (!excess_.empty()) return {std::move(excess_.block), 0, std::exchange(excess_.to, 0)};
  if (at_ == filled_) {
    block_.release();
    return {};
  }
  if (!block_) {  // the room dies with the message, what is in it does not
    block_ = blocks_.lease(filled_ - at_);
    std::memcpy(block_.data(), room_.data() + at_, filled_ - at_);
    filled_ -= std::exchange(at_, 0);
  }
  return {std::move(block_), std::exchange(at_, 0), std::exchange(filled_, 0)};
}

// True: what was unread lies elsewhere now.
bool Inbound::make_room(std::size_t head_max) {
  if (filled_ < room_.size()) return false;
  bool nothing_to_move = filled_ == at_;
  // A leftover in front makes room in a block of the same size; a long head gets a larger one.
  bool cramped = at_ == 0 && block_;
  base::Block roomier =
      cramped ? blocks_.lease(std::max(head_max + 1, 2 * block_.size())) : blocks_.lease();
  if (!nothing_to_move) std::memcpy(roomier.data(), room_.data() + at_, filled_ - at_);
  filled_ -= std::exchange(at_, 0);
  block_ = std::move(roomier);
  room_ = block_.span();
  return !nothing_to_move;
}

Result<Inbound::Filled> Inbound::fill(std::size_t head_max) {
  if (!stream_.watch().may_read) return Filled::Again;
  bool moved = make_room(head_max);
  auto taken = TRY(stream_.take(room_.subspan(filled_)));
  switch (taken.kind) {
    case net::Taken::Kind::Some:
      filled_ += taken.bytes;
      return moved ? Filled::Moved : Filled::InPlace;
    case net::Taken::Kind::End:
      return Filled::End;
    case net::Taken::Kind::Again:
      break;
  }
  return moved ? Filled::Moved : Filled::Again;
}

void Inbound::begin_body(http::Framing framing) {
  framing_ = framing;
  body_at_ = at_;
  only_room_ = true;
  begin_message();
}

void Inbound::begin_message() noexcept {
  left_ = framing_.bytes;
  complete_ = framing_.kind == http::Framing::Kind::None;
  body_bytes_ = 0;
  if (framing_.kind == http::Framing::Kind::Chunked) {
    chunks_.emplace(stream_.side(), arena_);
  }
}

bool Inbound::rewind() noexcept {
  if (!only_room_) return false;
  at_ = body_at_;
  begin_message();
  return true;
}

std::optional<std::uint64_t> Inbound::remaining() const noexcept {
  if (framing_.kind == http::Framing::Kind::Length) return left_;
  if (complete_) return 0;
  return std::nullopt;
}

const Headers* Inbound::trailers() const noexcept {
  return chunks_ && complete_ ? &chunks_->trailers() : nullptr;
}

Task<Piece> Inbound::next() {
  if (complete_) return Piece{.data = {}, .last = true};
  if (at_ != filled_) {
    auto piece = from_room();
    if (!piece) return fail(piece.error());
    if (*piece) return **piece;
  }
  return read_on();
}

Task<Piece> Inbound::read_on() {
  for (;;) {
    auto room = blocks_.scratch().first(window_);
    if (framing_.kind == http::Framing::Kind::Length && left_ < room.size()) {
      room = room.first(static_cast<std::size_t>(left_));
    }
    auto taken = co_await ok(stream_.take(room));
    if (taken.kind == net::Taken::Kind::Again) {
      co_await ok(wait());
      continue;
    }
    only_room_ = false;
    if (taken.kind == net::Taken::Kind::End) co_return co_await ok(at_end());
    if (taken.bytes == window_) window_ = std::min(2 * window_, base::Blocks::kScratchBytes);
    if (auto piece = co_await ok(absorb(room.first(taken.bytes)))) co_return *piece;
  }
}

// The bytes that came with the head stay where they are: they are delivered in place.
Result<std::optional<Piece>> Inbound::from_room() {
  auto here = unread();
  switch (framing_.kind) {
    case http::Framing::Kind::Length: {
      here = here.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, here.size())));
      consume(here.size());
      left_ -= here.size();
      return deliver(here, left_ == 0);
    }
    case http::Framing::Kind::UntilClose:
      consume(here.size());
      return deliver(here, false);
    case http::Framing::Kind::Chunked:
      break;
    case http::Framing::Kind::None:
      return deliver({}, true);
  }
  while (at_ != filled_) {
    auto taken = TRY(chunks_->take(unread()));
    consume(taken.used);
    if (taken.done || !taken.data.empty()) return deliver(taken.data, taken.done);
  }
  return std::nullopt;
}

// The bytes just read into the scratch.
Result<std::optional<Piece>> Inbound::absorb(std::span<char> raw) {
  std::string_view all(raw.data(), raw.size());
  if (framing_.kind == http::Framing::Kind::Chunked) return dechunk(raw);
  if (framing_.kind == http::Framing::Kind::UntilClose) return deliver(all, false);
  left_ -= all.size();
  return deliver(all, left_ == 0);
}

// The scratch is gone once we wait, so that all its chunks are delivered as one piece: their data
// is moved together in place.
Result<std::optional<Piece>> Inbound::dechunk(std::span<char> raw) {
  char* end = raw.data();
  std::string_view rest(raw.data(), raw.size());
  while (!rest.empty()) {
    auto taken = TRY(chunks_->take(rest));
    rest.remove_prefix(taken.used);
    if (taken.data.data() != end && !taken.data.empty()) {
      std::memmove(end, taken.data.data(), taken.data.size());
    }
    end += taken.data.size();
    if (taken.done) {
      keep(rest);
      return deliver({raw.data(), end}, true);
    }
  }
  if (end == raw.data()) return std::nullopt;
  return deliver({raw.data(), end}, false);
}

void Inbound::keep(std::string_view excess) {
  if (excess.empty()) return;
  excess_.block = blocks_.lease(excess.size());
  std::memcpy(excess_.block.data(), excess.data(), excess.size());
  excess_.to = excess.size();
}

Piece Inbound::deliver(std::string_view data, bool last) noexcept {
  body_bytes_ += data.size();
  is_excused_ = is_excused_ && data.empty();
  complete_ = last;
  return {.data = data, .last = last};
}

Result<Piece> Inbound::at_end() {
  if (framing_.kind == http::Framing::Kind::UntilClose) return deliver({}, true);
  return fail(truncated());
}

Error Inbound::truncated() const noexcept {
  return {.fault = Fault::Closed,
          .side = stream_.side(),
          .reason = is_client() ? "client_gone_mid_body" : "upstream_truncated_body"};
}

// Nobody wakes it when the other side is told to go on, which is seen soon enough.
Task<> Inbound::wait_excused() {
  constexpr Duration kLook = 1s;
  while (is_excused_) {
    auto readable = co_await stream_.readable(stream_.loop().now() + kLook);
    if (readable) is_excused_ = false;  // it has begun to send, or has gone
    if (!readable && readable.error().fault != Fault::Timeout) co_return fail(readable.error());
  }
  co_return done;
}

Task<> Inbound::wait() {
  if (first_wait_) co_await ok(std::exchange(first_wait_, nullptr)(first_wait_context_));
  window_ = std::max(window_ / 2, kWindowMin);
  if (is_excused_) co_await ok(wait_excused());
  Time began = stream_.loop().now();
  Duration patience = pace_.stall;
  if (pace_.bytes_per_second) {
    auto earned = std::chrono::milliseconds(body_bytes_ * 1000 / pace_.bytes_per_second);
    patience = std::min<Duration>(patience, pace_.grace + earned - waited_);
  }
  auto readable = co_await stream_.readable(began + std::max<Duration>(patience, 1ms));
  waited_ += stream_.loop().now() - began;
  if (readable) co_return done;
  auto error = readable.error();
  error.reason = is_client() ? "client_body_timeout" : "upstream_idle_timeout";
  co_return fail(error);
}

}  // namespace cirque::h1
