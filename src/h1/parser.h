#pragma once
// HTTP/1 heads (RFC 9112 2-5): incremental, without copies, strict. Pure: bytes in, views out.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cirque/http.h"
#include "h1/scan.h"

namespace cirque::h1 {

struct HeadLimits {
  std::size_t head_bytes = 32 * 1024;
  std::size_t field_bytes = 16 * 1024;  // one line
  std::size_t fields = 128;
  std::size_t target_bytes = 16 * 1024;
};

// What both kinds of head have in common: lines, one after the other.
class HeadParser {
 public:
  HeadParser(const HeadLimits& limits, Side side) noexcept
      : limits_(limits),
        side_(side),
        shortest_limit_(std::min(limits.head_bytes, limits.field_bytes)) {}

  // Start over: the buffer has moved, or a new head begins.
  void reset() noexcept {
    at_ = seen_ = lines_ = fields_ = 0;
    block_ = kNoBlock;
    underscored_ = 0;
  }

 protected:
  // The line that begins at at_, without CR LF. Partial: its end has not come yet. Bad: the error
  // is in error_ (a bare LF or CR, a control character, a line or a head that is too long).
  enum class Got : std::uint8_t { Line, Partial, Bad };

  Got line(std::string_view bytes, std::string_view& text);
  [[gnu::cold]] Got odd_line(std::string_view bytes, std::size_t end, std::string_view& text);
  [[gnu::noinline]] void load(std::string_view bytes, std::size_t block) noexcept;

  void step_over(std::string_view text) noexcept;

  // One field line into `headers`. False: the error is in error_. So do all of these: a field line
  // is the hot path, and a large result a line would be felt.
  bool field(std::string_view text, Headers& headers);
  bool check_partial_name(std::string_view text);
  [[gnu::cold]] bool skip_underscored();
  [[gnu::cold]] bool refuse_name(std::string_view text);
  [[gnu::cold]] bool refuse(std::string_view client_reason, std::uint16_t status,
                            std::string_view upstream_reason);
  [[gnu::cold]] bool too_large(std::string_view client_reason);

  static constexpr std::size_t kNone = SIZE_MAX;
  static constexpr std::size_t kNoBlock = SIZE_MAX / kMarkBytes;

  const HeadLimits& limits_;
  Side side_;
  const std::size_t shortest_limit_;  // a head below this keeps all the limits that lines have
  Marks marks_;                       // of the block that is looked at, from the current line on
  std::size_t block_ = kNoBlock;      // which one
  std::size_t at_ = 0;                // where the current line begins
  std::size_t seen_ = 0;  // how much of it was looked at: a line that drips in is scanned once
  std::size_t colon_ =
      0;  // where in the current line the first one is, if the scan met it; or kNone
  std::size_t lines_ = 0;  // complete lines seen, without empty ones in front
  std::size_t fields_ = 0;
  unsigned underscored_ = 0;
  Error error_;
};

// Lives as long as one head.
class RequestParser final : public HeadParser {
 public:
  explicit RequestParser(const HeadLimits& limits) noexcept : HeadParser(limits, Side::Client) {}

  // `bytes`: everything received since the head began, in the same place as before or after reset()
  // (and request.headers.clear()). 0: more is needed. Otherwise the bytes that the head took; then
  // `request` is complete but for its body. Errors come with the earliest byte that proves them,
  // and carry status and reason.
  Result<std::size_t> parse(std::string_view bytes, Request& request);

  // Field lines dropped because of an underscore in the name, which some servers read as a hyphen.
  unsigned underscored() const noexcept { return underscored_; }

 private:
  bool request_line(std::string_view text, Request& request);
  bool check_partial_method(std::string_view bytes);
  bool finish(Request& request);

  bool refuse(std::string_view reason, std::uint16_t status = 400) {
    return HeadParser::refuse(reason, status, {});
  }

  std::string_view target_authority_;
};

// Lives as long as one head of a peer's answer.
class ResponseParser final : public HeadParser {
 public:
  explicit ResponseParser(const HeadLimits& limits) noexcept : HeadParser(limits, Side::Upstream) {}

  // As RequestParser does.
  Result<std::size_t> parse(std::string_view bytes, Response& response);

 private:
  bool status_line(std::string_view text, Response& response);
  bool check_partial_status(std::string_view text);
};

}  // namespace cirque::h1
