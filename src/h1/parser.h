#pragma once
// HTTP/1 heads (RFC 9112 2-5): incremental, without copies, strict. Pure: bytes in, views out.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cirque/http.h"

namespace cirque::h1 {

struct HeadLimits {
  std::size_t head_bytes = 32 * 1024;
  std::size_t field_bytes = 16 * 1024;   // one line
  std::size_t fields = 128;
  std::size_t target_bytes = 16 * 1024;
};

// What both kinds of head have in common: lines, one after the other.
class HeadParser {
 public:
  HeadParser(const HeadLimits& limits, Side side) noexcept : limits_(limits), side_(side) {}

  // Start over: the buffer has moved, or a new head begins.
  void reset() noexcept { at_ = lines_ = fields_ = 0; }

 protected:
  struct Line {
    bool complete = false;
    std::string_view text;   // without CR LF
  };

  // The line that begins at at_; incomplete when its end has not come yet. Errors: a bare LF or CR, a
  // control character, a line or a head that is too long.
  Result<Line> line(std::string_view bytes);
  void step_over(const Line& l) noexcept { at_ += l.text.size() + 2; }
  // One field line into `headers`.
  Result<Unit> field(std::string_view text, Headers& headers);
  Result<Unit> check_partial_name(std::string_view text) const;
  std::unexpected<Error> refuse(std::string_view client_reason, std::uint16_t status,
                                std::string_view upstream_reason) const;
  std::unexpected<Error> too_large(std::string_view client_reason) const;

  const HeadLimits& limits_;
  Side side_;
  std::size_t at_ = 0;       // where the current line begins
  std::size_t lines_ = 0;    // complete lines seen, without empty ones in front
  std::size_t fields_ = 0;
  unsigned underscored_ = 0;
};

// Lives as long as one head.
class RequestParser final : public HeadParser {
 public:
  explicit RequestParser(const HeadLimits& limits) noexcept : HeadParser(limits, Side::Client) {}

  // `bytes`: everything received since the head began, in the same place as before or after reset()
  // (and request.headers.clear()). 0: more is needed. Otherwise the bytes that the head took; then
  // `request` is complete but for its body. Errors come with the earliest byte that proves them, and
  // carry status and reason.
  Result<std::size_t> parse(std::string_view bytes, Request& request);

  // Field lines dropped because of an underscore in the name, which some servers read as a hyphen.
  unsigned underscored() const noexcept { return underscored_; }

 private:
  Result<Unit> request_line(std::string_view text, Request& request);
  Result<Unit> check_partial_method(std::string_view bytes) const;
  Result<Unit> finish(Request& request) const;

  std::string_view target_authority_;
};

// Lives as long as one head of a peer's answer.
class ResponseParser final : public HeadParser {
 public:
  explicit ResponseParser(const HeadLimits& limits) noexcept : HeadParser(limits, Side::Upstream) {}

  Result<std::size_t> parse(std::string_view bytes, Response& response);

 private:
  Result<Unit> status_line(std::string_view text, Response& response);
};

}  // namespace cirque::h1
