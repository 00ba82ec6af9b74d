// Request heads: fed at once and byte by byte the verdict and the request are the same, and what is
// accepted, forwarded and read again is the same one request, its own fields in their order and
// ours behind them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "h1/parser.h"
#include "h1/writer.h"
#include "http/forwarding.h"
#include "http/framing.h"

using namespace cirque;

namespace {

const h1::HeadLimits kLimits;

void must(bool holds) {
  if (!holds) std::abort();
}

Result<std::size_t> at_once(std::string_view bytes, Request& request) {
  h1::RequestParser parser(kLimits);
  return parser.parse(bytes, request);
}

Result<std::size_t> byte_by_byte(std::string_view bytes, Request& request) {
  h1::RequestParser parser(kLimits);
  for (std::size_t n = 1; n <= bytes.size(); ++n) {
    auto taken = parser.parse(bytes.substr(0, n), request);
    if (!taken || *taken > 0) return taken;
  }
  return 0;
}

bool is_framing(const Field& field) {
  return field.id == Name::ContentLength || field.id == Name::TransferEncoding;
}

// The same lines in the same order; `but_framing`: without those that the writer writes itself.
bool same_fields(const Headers& a, const Headers& b, bool but_framing) {
  auto skip = [&](auto& at, const Headers& of) {
    while (but_framing && at != of.end() && is_framing(*at)) ++at;
  };
  auto left = a.begin();
  auto right = b.begin();
  for (;; ++left, ++right) {
    skip(left, a);
    skip(right, b);
    if (left == a.end() || right == b.end()) return left == a.end() && right == b.end();
    if (left->name != right->name || left->value != right->value) return false;
    if (left->id != right->id) return false;
  }
}

bool same_request(const Request& a, const Request& b) {
  return a.method == b.method && a.method_text == b.method_text && a.target == b.target &&
         a.version == b.version && a.authority == b.authority &&
         same_fields(a.headers, b.headers, false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 40'000) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Arena arena;
  Request request(arena);
  auto taken = at_once(bytes, request);
  if (size < 2'000) {
    Arena other_arena;
    Request other(other_arena);
    auto slowly = byte_by_byte(bytes, other);
    must(taken.has_value() == slowly.has_value());
    must(!taken || *taken == *slowly);
    must(!taken || *taken == 0 || same_request(request, other));
  }
  if (!taken || *taken == 0) return 0;
  must(*taken <= size);
  auto framing = http::judge_request(request);
  auto connection = http::strip_hop_by_hop(request.headers);
  if (!framing || !connection) return 0;
  auto client = Address::parse_ip("192.0.2.1", 1);
  http::add_forwarding(request, {.client = *client,
                                 .scheme = "http",
                                 .client_is_trusted = size % 2 == 0,
                                 .request_id = "id"});
  bool had_host = request.headers.has(Name::Host);

  h1::Telling telling;
  if (framing->kind == http::Framing::Kind::Length) {
    telling = {h1::Telling::Kind::Length, framing->bytes};
  } else if (framing->kind == http::Framing::Kind::Chunked) {
    telling.kind = h1::Telling::Kind::Chunked;
  }
  auto written = h1::write_request_head(request, {.telling = telling, .upgrade = {}}, {}, arena);
  if (request.version == Version::Http10) return 0;  // what 1.0 ignores (Expect), 1.1 refuses
  Arena again_arena;
  Request again(again_arena);
  auto all = h1::HeadLimits{
      .head_bytes = 1 << 20, .field_bytes = 1 << 20, .fields = 4096, .target_bytes = 1 << 20};
  h1::RequestParser parser(all);
  auto reread = parser.parse(written, again);
  bool nameless =
      request.authority.empty();  // HTTP/1.0 without Host becomes "Host:", which is refused
  if (nameless) return 0;
  must(reread.has_value() && *reread == written.size());
  must(again.target == request.target && again.method_text == request.method_text);
  must(again.version == Version::Http11);
  if (had_host) {
    must(same_fields(request.headers, again.headers, true));
  } else {
    must(again.authority == request.authority);
  }
  auto again_framing = http::judge_request(again);
  must(again_framing && again_framing->kind == framing->kind &&
       again_framing->bytes == framing->bytes);
  auto again_connection = http::strip_hop_by_hop(again.headers);
  must(again_connection && !again_connection->close && !again_connection->upgrade);
  return 0;
}
