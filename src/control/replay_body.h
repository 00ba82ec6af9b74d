#pragma once
// A request's body that can be sent again: what has passed is kept, up to a bound.
#include <string>

#include "cirque/http.h"

namespace cirque::control {

// A longer body passes all the same, and cannot be sent again from then on. One core.
class ReplayBody final : public Source {
 public:
  ReplayBody(Body inner, std::size_t most) noexcept : inner_(std::move(inner)), most_(most) {}

  Task<Piece> next() override;
  bool is_ready() const noexcept override;
  std::optional<std::uint64_t> remaining() const noexcept override;
  bool rewind() noexcept override;

  const Headers* trailers() const noexcept override { return inner_->trailers(); }

 private:
  Task<Piece> read_on();

  Body inner_;
  const std::size_t most_;
  std::string kept_;
  std::size_t given_ = 0;  // of what is kept
  bool is_whole_ = false;  // kept_ is all there is
  bool is_lost_ = false;   // it was too long to be kept
};

}  // namespace cirque::control
