#pragma once
// A part of a request that tells one from another: whom a rate limit counts together, and who stays
// with one backend.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cirque/http.h"
#include "config/values.h"

namespace cirque::config {

struct RequestPart {
  enum class Kind : std::uint8_t {
    Address,
    Header,
    Cookie,
    Query,
    Path,
    Host,
    Route,
    Pool,
    Listener,
    Method
  };

  Kind kind = Kind::Address;
  std::string name = {};  // of Header (in lower case), Cookie and Query
  Name id = Name::Other;  // of a Header that we know

  bool operator==(const RequestPart&) const = default;
};

// Those that make sense in one place.
using PartKinds = std::span<const RequestPart::Kind>;

// "address", "header:X-Api-Key", "cookie:session", "query:user", "path", "host", "route", "pool",
// "listener", "method"
Value<RequestPart> parse_request_part(std::string_view text, PartKinds allowed);

// "header x-api-key"
std::string text_of(const RequestPart& part);

// "header:NAME, path or address": what may be written.
std::string list_of(PartKinds kinds);

}  // namespace cirque::config
