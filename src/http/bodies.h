#pragma once
// Ready-made body sources.
#include "cirque/http.h"

namespace cirque::http {

// A body that is there from the start. The text must outlive the source.
class TextBody final : public Source {
 public:
  explicit TextBody(std::string_view text) noexcept : text_(text) {}

  Task<Piece> next() override { co_return Piece{.data = std::exchange(text_, {}), .last = true}; }

  bool is_ready() const noexcept override { return true; }

  std::optional<std::uint64_t> remaining() const noexcept override { return text_.size(); }

 private:
  std::string_view text_;
};

}  // namespace cirque::http
