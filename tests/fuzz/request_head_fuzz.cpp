// Request heads: fed at once and byte by byte the verdict is the same, and what is accepted,
// written down again and read again, is the same one request.
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
  }
  if (!taken || *taken == 0) return 0;
  must(*taken <= size);
  auto framing = http::judge_request(request);
  auto connection = http::strip_hop_by_hop(request.headers);
  if (!framing || !connection) return 0;

  h1::Telling telling;
  if (framing->kind == http::Framing::Kind::Length) {
    telling = {h1::Telling::Kind::Length, framing->bytes};
  } else if (framing->kind == http::Framing::Kind::Chunked) {
    telling.kind = h1::Telling::Kind::Chunked;
  }
  auto written = h1::write_request_head(request, {.telling = telling, .upgrade = {}}, {}, arena);
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
  auto again_framing = http::judge_request(again);
  must(again_framing && again_framing->kind == framing->kind &&
       again_framing->bytes == framing->bytes);
  return 0;
}
