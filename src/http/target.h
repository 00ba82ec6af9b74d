#pragma once
// Request targets (RFC 9112 3.2, RFC 3986): which form, what is refused, and the canonical path
// that is matched and forwarded alike.
#include "cirque/arena.h"
#include "cirque/http.h"

namespace cirque::http {

struct Target {
  std::string_view path_and_query;  // canonical origin-form, or "*"
  std::string_view authority;       // of an absolute-form target; else empty
  std::string_view scheme;          // of an absolute-form target; else empty
};

// Of these alone: CONNECT and TRACE get 405 (method_not_allowed), whatever their target.
constexpr bool is_served(Method method) noexcept {
  return method != Method::Connect && method != Method::Trace;
}

// What a request line may have for a method: a token of at most kMethodBytesMax bytes without small
// letters. Anything else gets 400 (bad_method).
inline constexpr std::size_t kMethodBytesMax = 32;
bool is_method(std::string_view text) noexcept;

// The canonical path: dot segments resolved, empty segments merged, unreserved characters decoded,
// hexadecimal digits in upper case. The query is kept byte for byte.
// Refused with Side::Client, status 400, reason bad_target: a path above the root, %00, a bad
// percent encoding, an encoded slash or backslash or a backslash in the path, a fragment, anything
// outside printable ASCII, user information, an empty authority, a scheme that is not http or
// https. Views point into `raw` or, where something had to change, into the arena. OPTIONS without
// a path in absolute form becomes "*" (RFC 9112 3.2.4).
Result<Target> read_target(Method method, std::string_view raw, Arena& arena);

// host [":" port] as in RFC 3986 3.2, of at most 260 bytes, without user information, percent
// encodings and commas: what Host may hold.
bool is_authority(std::string_view text) noexcept;

}  // namespace cirque::http
