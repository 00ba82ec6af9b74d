#include "h1/parser.h"

#include <algorithm>

#include "base/text.h"
#include "h1/scan.h"
#include "http/target.h"

namespace cirque::h1 {
namespace {

constexpr std::size_t kEmptyLinesMax = 2;   // in front of a request line (RFC 9112 2.2)
constexpr std::size_t kMethodBytesMax = 32;

bool is_token_char(char c) noexcept { return base::kTokenChars[static_cast<unsigned char>(c)]; }

bool is_method_char(char c) noexcept { return is_token_char(c) && !(c >= 'a' && c <= 'z'); }

std::unexpected<Error> refuse_request(std::string_view reason, std::uint16_t status = 400) {
  return fail(
      {.fault = Fault::Malformed, .side = Side::Client, .status = status, .reason = reason});
}

}  // namespace

std::unexpected<Error> HeadParser::refuse(std::string_view client_reason, std::uint16_t status,
                                          std::string_view upstream_reason) const {
  bool client = side_ == Side::Client;
  return fail({.fault = Fault::Malformed,
               .side = side_,
               .status = client ? status : std::uint16_t{502},
               .reason = client ? client_reason : upstream_reason});
}

std::unexpected<Error> HeadParser::too_large(std::string_view client_reason) const {
  bool client = side_ == Side::Client;
  return fail({.fault = Fault::TooLarge,
               .side = side_,
               .status = static_cast<std::uint16_t>(client ? 431 : 502),
               .reason = client ? client_reason : "upstream_header_too_large"});
}

Result<HeadParser::Line> HeadParser::line(std::string_view bytes) {
  const char* from = bytes.data() + at_;
  const char* to = bytes.data() + bytes.size();
  const char* end = find_control(from, to);
  if (static_cast<std::size_t>(end - bytes.data()) > limits_.head_bytes) {
    return too_large("header_block_too_large");
  }
  std::string_view text(from, static_cast<std::size_t>(end - from));
  if (lines_ > 0 && text.size() > limits_.field_bytes) return too_large("header_field_too_large");
  if (end == to) return Line{false, text};
  if (*end == '\n') return refuse("bare_lf", 400, "upstream_bad_header");
  bool first = lines_ == 0;
  auto reason = first ? "bad_request_line" : "bad_header_value";
  auto upstream_reason = first ? "upstream_bad_status_line" : "upstream_bad_header";
  if (*end != '\r') return refuse(reason, 400, upstream_reason);
  if (end + 1 == to) return Line{false, text};
  if (end[1] != '\n') return refuse(reason, 400, upstream_reason);
  return Line{true, text};
}

Result<Unit> HeadParser::field(std::string_view text, Headers& headers) {
  if (text.front() == ' ' || text.front() == '\t') {
    return refuse("obs_fold", 400, "upstream_bad_header");
  }
  std::size_t colon = 0;
  bool underscored = false;
  while (colon < text.size() && is_token_char(text[colon])) underscored |= text[colon++] == '_';
  if (colon == 0 || colon == text.size() || text[colon] != ':') {
    return refuse("bad_header_name", 400, "upstream_bad_header");
  }
  if (++fields_ > limits_.fields) return too_large("too_many_headers");
  if (underscored && side_ == Side::Client) {
    ++underscored_;
    return done;
  }
  auto name = text.substr(0, colon);
  headers.add_view({name, base::trim(text.substr(colon + 1)), name_of(name)});
  return done;
}

// An unfinished line is refused as soon as its name cannot become one.
Result<Unit> HeadParser::check_partial_name(std::string_view text) const {
  if (text.empty()) return done;
  if (text.front() == ' ' || text.front() == '\t') {
    return refuse("obs_fold", 400, "upstream_bad_header");
  }
  auto bad = std::ranges::find_if_not(text, is_token_char);
  bool fits = bad == text.end() || (*bad == ':' && bad != text.begin());
  if (!fits) return refuse("bad_header_name", 400, "upstream_bad_header");
  return done;
}

Result<std::size_t> RequestParser::parse(std::string_view bytes, Request& request) {
  for (;;) {
    auto next = TRY(line(bytes));
    if (!next.complete) {
      (void)TRY(lines_ == 0 ? check_partial_method(next.text) : check_partial_name(next.text));
      return 0;
    }
    step_over(next);
    if (lines_ == 0) {
      if (next.text.empty()) {
        if (at_ > 2 * kEmptyLinesMax) return refuse_request("bad_request_line");
        continue;
      }
      (void)TRY(request_line(next.text, request));
    } else if (next.text.empty()) {
      (void)TRY(finish(request));
      return at_;
    } else {
      (void)TRY(field(next.text, request.headers));
    }
    ++lines_;
  }
}

Result<Unit> RequestParser::check_partial_method(std::string_view bytes) const {
  auto method = bytes.substr(0, bytes.find(' '));
  if (!std::ranges::all_of(method, is_method_char) || method.size() > kMethodBytesMax) {
    return refuse_request("bad_method");
  }
  if (bytes.size() > limits_.target_bytes + kMethodBytesMax) {
    return refuse_request("target_too_long", 414);
  }
  return done;
}

Result<Unit> RequestParser::request_line(std::string_view text, Request& request) {
  auto space = text.find(' ');
  auto method = text.substr(0, space);
  if (method.empty() || method.size() > kMethodBytesMax ||
      !std::ranges::all_of(method, is_method_char)) {
    return refuse_request("bad_method");
  }
  if (space == std::string_view::npos) return refuse_request("bad_request_line");
  auto rest = text.substr(space + 1);
  auto last = rest.rfind(' ');
  if (last == std::string_view::npos) return refuse_request("bad_request_line");
  auto target = rest.substr(0, last);
  auto version = rest.substr(last + 1);
  if (target.size() > limits_.target_bytes) return refuse_request("target_too_long", 414);
  bool shaped = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' &&
                version[5] >= '0' && version[5] <= '9' && version[7] >= '0' && version[7] <= '9';
  if (!shaped) return refuse_request("bad_version");
  if (version[5] != '1') return refuse_request("http_version_unsupported", 505);
  request.version = version[7] == '0' ? Version::Http10 : Version::Http11;
  request.method_text = method;
  request.method = method_of(method);
  bool refused = request.method == Method::Connect || request.method == Method::Trace;
  if (refused) return refuse_request("method_not_allowed", 405);
  auto read = TRY(http::read_target(request.method, target, request.headers.arena()));
  request.target = read.path_and_query;
  target_authority_ = read.authority;
  return done;
}

Result<Unit> RequestParser::finish(Request& request) const {
  const Headers& headers = request.headers;
  auto hosts = headers.count(Name::Host);
  if (hosts > 1) return refuse_request("duplicate_host");
  if (hosts == 0 && request.version != Version::Http10) return refuse_request("missing_host");
  request.authority = headers.get(Name::Host);
  if (hosts == 1 && !http::is_authority(request.authority)) return refuse_request("bad_host");
  if (!target_authority_.empty()) {
    if (hosts == 1 && !base::equal_fold(target_authority_, request.authority)) {
      return refuse_request("host_mismatch");
    }
    request.authority = target_authority_;
  }
  bool expects = headers.has(Name::Expect) && request.version != Version::Http10;
  if (expects && !base::equal_fold(headers.get(Name::Expect), "100-continue")) {
    return refuse_request("expectation_failed", 417);
  }
  return done;
}

Result<std::size_t> ResponseParser::parse(std::string_view bytes, Response& response) {
  for (;;) {
    auto next = TRY(line(bytes));
    if (!next.complete) {
      if (lines_ > 0) (void)TRY(check_partial_name(next.text));
      return 0;
    }
    step_over(next);
    if (lines_ == 0) {
      (void)TRY(status_line(next.text, response));
    } else if (next.text.empty()) {
      return at_;
    } else {
      (void)TRY(field(next.text, response.headers));
    }
    ++lines_;
  }
}

Result<Unit> ResponseParser::status_line(std::string_view text, Response& response) {
  constexpr std::size_t kShortest = 12;  // "HTTP/1.1 200"
  bool shaped = text.size() >= kShortest && text.starts_with("HTTP/1.") &&
                (text[7] == '0' || text[7] == '1') && text[8] == ' ';
  auto status = shaped ? base::parse_number(text.substr(9, 3), 599) : std::nullopt;
  bool ended = text.size() == kShortest || (shaped && text[kShortest] == ' ');
  if (!status || *status < 100 || !ended) {
    return refuse("", 0, "upstream_bad_status_line");
  }
  response.version = text[7] == '0' ? Version::Http10 : Version::Http11;
  response.status = static_cast<int>(*status);
  response.reason = text.size() > kShortest ? text.substr(kShortest + 1) : std::string_view();
  return done;
}

}  // namespace cirque::h1
