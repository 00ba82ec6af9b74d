#include "h1/parser.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text.h"
#include "h1/scan.h"
#include "http/forwarding.h"
#include "http/target.h"

namespace cirque::h1 {
namespace {

constexpr std::size_t kEmptyLinesMax = 2;          // in front of a request line (RFC 9112 2.2)
constexpr std::size_t kVersionBytes = 8;           // "HTTP/1.1"
constexpr std::size_t kPartialNameBytesMax = 128;  // of an unfinished name, what is looked at

bool is_token_char(char c) noexcept {
  return base::kTokenChars[static_cast<unsigned char>(c)];
}

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

}  // namespace

bool HeadParser::refuse(std::string_view client_reason, std::uint16_t status,
                        std::string_view upstream_reason) {
  bool client = side_ == Side::Client;
  error_ = {.fault = Fault::Malformed,
            .side = side_,
            .status = client ? status : std::uint16_t{502},
            .reason = client ? client_reason : upstream_reason};
  return false;
}

bool HeadParser::too_large(std::string_view client_reason) {
  refuse(client_reason, 431, "upstream_header_too_large");
  error_.fault = Fault::TooLarge;
  return false;
}

namespace {

// Fewer bytes than a block.
[[gnu::noinline]] Marks mark_short(std::string_view bytes) noexcept {
  char padded[kMarkBytes];
  std::memset(padded, 'x', sizeof padded);
  std::memcpy(padded, bytes.data(), bytes.size());
  return mark(padded);
}

}  // namespace

// Looks at a block. What lies before the current line is of no interest any more.
void HeadParser::load(std::string_view bytes, std::size_t block) noexcept {
  auto begin = block * kMarkBytes;
  auto left = bytes.size() - begin;
  block_ = block;
  if (left >= kMarkBytes) {
    marks_ = mark(bytes.data() + begin);
  } else if (begin > 0) {  // the last 64 bytes, and of their bits those that belong here
    marks_ = mark(bytes.data() + bytes.size() - kMarkBytes);
    marks_.control >>= kMarkBytes - left;
    marks_.colon >>= kMarkBytes - left;
  } else {
    marks_ = mark_short(bytes);
  }
  if (begin >= at_ + seen_) return;
  auto from_here = ~std::uint64_t{0} << (at_ + seen_ - begin);
  marks_.control &= from_here;
  marks_.colon &= from_here;
}

// In place in the two loops over lines: what it remembers stays in registers. A block's bits are
// used up from below, those of the colons with each line that ends.
[[gnu::always_inline]] inline HeadParser::Got HeadParser::line(std::string_view bytes,
                                                               std::string_view& text) {
  if (block_ == kNoBlock) {
    if (at_ + seen_ >= bytes.size()) return odd_line(bytes, bytes.size(), text);
    load(bytes, (at_ + seen_) / kMarkBytes);
  }
  auto place = [this](std::uint64_t bits) {
    return block_ * kMarkBytes + static_cast<std::size_t>(std::countr_zero(bits));
  };
  colon_ = marks_.colon ? place(marks_.colon) - at_ : kNone;
  while (!marks_.control) {
    auto next = block_ + 1;
    if (next * kMarkBytes >= bytes.size()) return odd_line(bytes, bytes.size(), text);
    load(bytes, next);
    if (colon_ == kNone && marks_.colon) colon_ = place(marks_.colon) - at_;
  }
  auto end = place(marks_.control);
  text = {bytes.data() + at_, end - at_};
  const char* after = bytes.data() + end;
  bool ends_well = end + 1 < bytes.size() && after[0] == '\r' && after[1] == '\n';
  bool is_long = bytes.size() > shortest_limit_ || seen_ > 0;
  return ends_well && !is_long ? Got::Line : odd_line(bytes, end, text);
}

// To the next line. The next block is only looked at when it is asked for.
[[gnu::always_inline]] inline void HeadParser::step_over(std::string_view text) noexcept {
  at_ += text.size() + 2;
  seen_ = 0;
  auto in_block = at_ - block_ * kMarkBytes;
  if (in_block >= kMarkBytes) {
    block_ = kNoBlock;
    return;
  }
  auto from_here = ~std::uint64_t{0} << in_block;
  marks_.control &= from_here;
  marks_.colon &= from_here;
}

// `end`: where the line's first control character stands, or the end of what is here.
HeadParser::Got HeadParser::odd_line(std::string_view bytes, std::size_t end,
                                     std::string_view& text) {
  text = bytes.substr(at_, end - at_);
  auto size = text.size();
  if (end > limits_.head_bytes) {
    too_large("header_block_too_large");
    return Got::Bad;
  }
  if (lines_ > 0 && size > limits_.field_bytes) {
    too_large("header_field_too_large");
    return Got::Bad;
  }
  if (end >= bytes.size() || (bytes[end] == '\r' && end + 1 == bytes.size())) {
    seen_ = size;
    block_ = kNoBlock;  // it will have grown
    return Got::Partial;
  }
  if (bytes[end] == '\r' && bytes[end + 1] == '\n') {
    if (seen_ > 0) colon_ = kNone;  // the first may be in what was seen before
    return Got::Line;
  }
  if (bytes[end] == '\n') {
    refuse("bare_lf", 400, "upstream_bad_header");
  } else if (lines_ == 0) {
    refuse("bad_request_line", 400, "upstream_bad_status_line");
  } else {
    refuse("bad_header_value", 400, "upstream_bad_header");
  }
  return Got::Bad;
}

[[gnu::always_inline]] inline bool HeadParser::field(std::string_view text, Headers& headers) {
  std::size_t size = colon_ != kNone ? colon_ : text.find(':');
  if (size >= text.size()) return refuse_name(text);
  std::string_view name(text.data(), size);
  Name id = name_of(name);
  if (id == Name::Other) {  // a known name is made of token characters, and has no underscore
    if (!base::is_token(name)) return refuse_name(text);
    if (side_ == Side::Client && http::is_dropped(name)) return skip_underscored();
  }
  if (++fields_ > limits_.fields) return too_large("too_many_headers");
  std::string_view value(text.data() + size + 1, text.size() - size - 1);
  // Nearly every value has one space in front and nothing behind.
  bool usual =
      value.size() > 1 && value[0] == ' ' && !is_blank(value[1]) && !is_blank(value.back());
  value = usual ? value.substr(1) : base::trim(value);
  headers.add_view({name, value, id, usual});
  return true;
}

bool HeadParser::skip_underscored() {
  ++underscored_;
  return ++fields_ <= limits_.fields || too_large("too_many_headers");
}

bool HeadParser::refuse_name(std::string_view text) {
  bool folded = is_blank(text.front());
  return refuse(folded ? "obs_fold" : "bad_header_name", 400, "upstream_bad_header");
}

// An unfinished line is refused as soon as its name cannot become one.
bool HeadParser::check_partial_name(std::string_view text) {
  auto looked_at = text.substr(0, kPartialNameBytesMax);
  auto bad = std::ranges::find_if_not(looked_at, is_token_char);
  bool fits = bad == looked_at.end() || (*bad == ':' && bad != looked_at.begin());
  return fits || refuse_name(text);
}

Result<std::size_t> RequestParser::parse(std::string_view bytes, Request& request) {
  std::string_view text;
  for (;;) {
    auto got = line(bytes, text);
    if (got == Got::Bad) return fail(error_);
    if (got == Got::Partial) {
      bool fits = lines_ == 0 ? check_partial_method(text) : check_partial_name(text);
      if (!fits) return fail(error_);
      return 0;
    }
    step_over(text);
    bool good = true;
    if (lines_ > 0) {
      if (text.empty()) break;
      good = field(text, request.headers);
    } else if (text.empty()) {
      if (at_ <= 2 * kEmptyLinesMax) continue;
      good = refuse("bad_request_line");
    } else {
      good = request_line(text, request);
    }
    if (!good) return fail(error_);
    ++lines_;
  }
  if (!finish(request)) return fail(error_);
  return at_;
}

bool RequestParser::check_partial_method(std::string_view bytes) {
  auto method = bytes.substr(0, bytes.find(' '));
  if (!method.empty() && !http::is_method(method)) return refuse("bad_method");
  bool fits = bytes.size() <= method.size() + 1 + limits_.target_bytes + 1 + kVersionBytes;
  return fits || refuse("target_too_long", 414);
}

bool RequestParser::request_line(std::string_view text, Request& request) {
  auto space = text.find(' ');
  auto method = text.substr(0, space);
  request.method_text = method;
  request.method = method_of(method);
  bool odd = request.method == Method::Other;
  if (odd && !http::is_method(method)) {
    request.method_text = "-";  // not something to repeat
    return refuse("bad_method");
  }
  auto last = text.rfind(' ');
  if (space == std::string_view::npos || last == space) return refuse("bad_request_line");
  auto target = text.substr(space + 1, last - space - 1);
  auto version = text.substr(last + 1);
  if (target.size() > limits_.target_bytes) return refuse("target_too_long", 414);
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  bool shaped = version.size() == kVersionBytes && version.starts_with("HTTP/") &&
                is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
  if (!shaped) return refuse("bad_version");
  if (version[5] != '1') return refuse("http_version_unsupported", 505);
  request.version = version[7] == '0' ? Version::Http10 : Version::Http11;
  if (!http::is_served(request.method)) return refuse("method_not_allowed", 405);
  auto read = http::read_target(request.method, target, request.headers.arena());
  if (!read) {
    error_ = read.error();
    return false;
  }
  request.target = read->path_and_query;
  target_authority_ = read->authority;
  return true;
}

bool RequestParser::finish(Request& request) {
  const Headers& headers = request.headers;
  auto hosts = headers.count(Name::Host);
  if (hosts > 1) return refuse("duplicate_host");
  if (hosts == 0 && request.version != Version::Http10) return refuse("missing_host");
  request.authority = headers.get(Name::Host);
  if (hosts == 1 && !http::is_authority(request.authority)) return refuse("bad_host");
  if (!target_authority_.empty()) {
    if (hosts == 1 && !base::equal_fold(target_authority_, request.authority)) {
      return refuse("host_mismatch");
    }
    request.authority = target_authority_;
  }
  if (!headers.has(Name::Expect) || request.version == Version::Http10) return true;
  for (const Field& field : headers) {
    bool unknown = field.id == Name::Expect && !base::equal_fold(field.value, "100-continue");
    if (unknown) return refuse("expectation_failed", 417);
  }
  return true;
}

Result<std::size_t> ResponseParser::parse(std::string_view bytes, Response& response) {
  std::string_view text;
  for (;;) {
    auto got = line(bytes, text);
    if (got == Got::Bad) return fail(error_);
    if (got == Got::Partial) {
      bool fits = lines_ == 0 ? check_partial_status(text) : check_partial_name(text);
      if (!fits) return fail(error_);
      return 0;
    }
    step_over(text);
    if (lines_ > 0 && text.empty()) return at_;
    bool good = lines_ == 0 ? status_line(text, response) : field(text, response.headers);
    if (!good) return fail(error_);
    ++lines_;
  }
}

// A server that speaks something else is not waited for.
bool ResponseParser::check_partial_status(std::string_view text) {
  constexpr std::string_view kBegin = "HTTP/1.";
  auto begin = text.substr(0, kBegin.size());
  return kBegin.starts_with(begin) || refuse({}, 0, "upstream_bad_status_line");
}

bool ResponseParser::status_line(std::string_view text, Response& response) {
  constexpr std::size_t kShortest = 12;  // "HTTP/1.1 200"
  bool shaped = text.size() >= kShortest && text.starts_with("HTTP/1.") &&
                (text[7] == '0' || text[7] == '1') && text[8] == ' ';
  auto status = shaped ? base::parse_number(text.substr(9, 3), 599) : std::nullopt;
  bool ended = text.size() == kShortest || (shaped && text[kShortest] == ' ');
  if (!status || *status < 100 || !ended) return refuse({}, 0, "upstream_bad_status_line");
  response.version = text[7] == '0' ? Version::Http10 : Version::Http11;
  response.status = static_cast<int>(*status);
  response.reason = text.size() > kShortest ? text.substr(kShortest + 1) : std::string_view();
  return true;
}

}  // namespace cirque::h1
