#pragma once
// The judge: how long is this body, or refuse. One place for all versions (RFC 9112 6, RFC
// 9110 8.6).
#include <cstdint>
#include <optional>

#include "cirque/http.h"

namespace cirque::http {

struct Framing {
  enum class Kind : std::uint8_t {
    None,        // no body
    Length,      // exactly `bytes`, which is above 0
    Chunked,     // until the last chunk
    UntilClose,  // responses only: until the peer closes
  };
  Kind kind = Kind::None;
  std::uint64_t bytes = 0;
};

// Refused, as Fault::Malformed with status 400 and Side::Client: both Content-Length and
// Transfer-Encoding; any Transfer-Encoding but exactly one "chunked"; Transfer-Encoding in
// HTTP/1.0; a Content-Length that is repeated, empty, signed, in a list, or above 2^63-1.
Result<Framing> judge_request(const Request& request) noexcept;

// The same rules as Side::Upstream, for the answer to `method`: HEAD, 1xx, 204 and 304 have none
// (RFC 9112 6.3). An HTTP/1.0 answer with Transfer-Encoding is refused.
Result<Framing> judge_response(const Response& response, Method method) noexcept;

}  // namespace cirque::http
