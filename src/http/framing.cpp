#include "http/framing.h"

#include <array>

#include "base/text.h"

namespace cirque::http {
namespace {

constexpr std::uint64_t kLengthMax = INT64_MAX;

struct Slugs {
  std::string_view length;
  std::string_view coding;
  std::string_view both;
};

constexpr Slugs kClientSlugs{"bad_content_length", "bad_transfer_encoding",
                             "content_length_and_transfer_encoding"};
constexpr Slugs kUpstreamSlugs{"upstream_bad_content_length", "upstream_bad_transfer_encoding",
                               "upstream_content_length_and_transfer_encoding"};

std::unexpected<Error> refuse(Side side, std::string_view reason) {
  bool client = side == Side::Client;
  return fail({.fault = Fault::Malformed,
               .side = side,
               .status = static_cast<std::uint16_t>(client ? 400 : 502),
               .reason = reason});
}

// What the fields say, where there are any; `silent` when they say nothing.
Result<Framing> from_fields(const Headers& headers, Version version, Side side, Framing silent) {
  constexpr std::array kFraming = {Name::TransferEncoding, Name::ContentLength};
  if (!headers.may_have(kFraming)) return silent;
  const auto& slugs = side == Side::Client ? kClientSlugs : kUpstreamSlugs;
  const Field* length_line = headers.find(Name::ContentLength);
  if (headers.has(Name::TransferEncoding)) {
    if (length_line) return refuse(side, slugs.both);
    bool exact = headers.count(Name::TransferEncoding) == 1 &&
                 base::equal_fold(headers.get(Name::TransferEncoding), "chunked");
    if (!exact || version == Version::Http10) return refuse(side, slugs.coding);
    return Framing{Framing::Kind::Chunked};
  }
  if (!length_line) return silent;
  auto length = base::parse_number(length_line->value, kLengthMax);
  if (!length || headers.count(Name::ContentLength) != 1) return refuse(side, slugs.length);
  if (*length == 0) return Framing{};
  return Framing{Framing::Kind::Length, *length};
}

}  // namespace

// RFC 9112 6.3: a request that says nothing has no body.
Result<Framing> judge_request(const Request& request) noexcept {
  return from_fields(request.headers, request.version, Side::Client, Framing{});
}

Result<Framing> judge_response(const Response& response, Method method) noexcept {
  auto told = from_fields(response.headers, response.version, Side::Upstream,
                          Framing{Framing::Kind::UntilClose});
  bool bodyless = method == Method::Head || response.status < 200 || response.status == 204 ||
                  response.status == 304;
  if (bodyless && told) return Framing{};
  return told;
}

}  // namespace cirque::http
