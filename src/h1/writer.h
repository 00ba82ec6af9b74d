#pragma once
// HTTP/1 heads and chunk lines as bytes (RFC 9112 2-7). Pure; measured first, then written in one
// pass.
#include <array>
#include <span>
#include <string_view>

#include "cirque/http.h"
#include "h1/outbound.h"

namespace cirque::h1 {

struct RequestHead {
  Telling telling = {};
  std::string_view upgrade = {};  // the protocol to ask for; empty: none
};

struct ResponseHead {
  Telling telling = {};
  bool bodyless =
      false;  // to HEAD, or a status without body: Content-Length says what GET would get
  bool close = false;
  bool keep_alive = false;        // said to HTTP/1.0 clients only
  std::string_view upgrade = {};  // of a 101
};

// Every line as it was received, with our own framing and connection fields in place of the
// message's. Into `room`, or into the arena when it does not fit there.
std::string_view write_request_head(const Request& request, const RequestHead& options,
                                    std::span<char> room, Arena& arena);
std::string_view write_response_head(const Response& response, const ResponseHead& options,
                                     std::span<char> room, Arena& arena);

using ChunkLine = std::array<char, 20>;
// "1f4\r\n"
std::string_view write_chunk_line(ChunkLine& to, std::size_t bytes) noexcept;
// "0\r\n", the trailers if there are any, and the empty line.
std::string_view write_last_chunk(const Headers* trailers, Arena& arena);

}  // namespace cirque::h1
