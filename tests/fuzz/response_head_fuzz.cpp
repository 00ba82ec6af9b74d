// Response heads: fed at once and byte by byte the verdict is the same, and what is accepted can be
// written down and read again.
#include <cstdint>
#include <cstdlib>
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 40'000) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Arena arena;
  Response response(arena);
  h1::ResponseParser parser(kLimits);
  auto taken = parser.parse(bytes, response);
  if (size < 2'000) {
    Arena other_arena;
    Response other(other_arena);
    h1::ResponseParser slow(kLimits);
    Result<std::size_t> slowly = 0;
    for (std::size_t n = 1; n <= size && slowly && *slowly == 0; ++n) {
      slowly = slow.parse(bytes.substr(0, n), other);
    }
    must(taken.has_value() == slowly.has_value());
    must(!taken || *taken == *slowly);
  }
  if (!taken || *taken == 0) return 0;
  auto framing = http::judge_response(response, Method::Get);
  auto connection = http::strip_hop_by_hop(response.headers);
  if (!framing || !connection || response.status < 200) return 0;
  auto written = h1::write_response_head(response, {}, {}, arena);
  Arena again_arena;
  Response again(again_arena);
  auto all = h1::HeadLimits{
      .head_bytes = 1 << 20, .field_bytes = 1 << 20, .fields = 4096, .target_bytes = 1 << 20};
  h1::ResponseParser reader(all);
  auto reread = reader.parse(written, again);
  must(reread.has_value() && *reread == written.size() && again.status == response.status);
  must(response.reason.empty() || again.reason == response.reason);
  for (const Field& field : response.headers) {
    if (field.id == Name::ContentLength || field.id == Name::TransferEncoding) continue;
    bool kept = false;
    for (const Field& other : again.headers) {
      kept |= other.name == field.name && other.value == field.value;
    }
    must(kept);
  }
  return 0;
}
