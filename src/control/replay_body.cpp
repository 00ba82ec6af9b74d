#include "control/replay_body.h"

namespace cirque::control {

Task<Piece> ReplayBody::next() {
  if (given_ == kept_.size() && !is_whole_) return read_on();
  auto rest = std::string_view(kept_).substr(std::exchange(given_, kept_.size()));
  return Piece{.data = rest, .last = is_whole_};
}

Task<Piece> ReplayBody::read_on() {
  Piece piece = co_await ok(inner_->next());
  if (!is_lost_ && piece.data.size() > most_ - kept_.size()) {
    is_lost_ = true;
    kept_ = {};
  }
  if (is_lost_) {
    given_ = 0;
    co_return piece;
  }
  kept_ += piece.data;
  given_ = kept_.size();
  is_whole_ = piece.last;
  co_return piece;
}

bool ReplayBody::is_ready() const noexcept {
  return given_ < kept_.size() || is_whole_ || inner_->is_ready();
}

std::optional<std::uint64_t> ReplayBody::remaining() const noexcept {
  auto left = kept_.size() - given_;
  if (is_whole_) return left;
  auto inner = inner_->remaining();
  return inner ? std::optional(*inner + left) : std::nullopt;
}

bool ReplayBody::rewind() noexcept {
  if (is_lost_) return false;
  given_ = 0;
  return true;
}

}  // namespace cirque::control
