#include "observe/reasons.h"

#include <array>
#include <cstdint>

#include "base/hash.h"

namespace cirque::observe {
namespace {

using enum Blame;

// internal_error is first: it is what an unknown slug counts as.
constexpr std::array kReasons = {
    Reason{"internal_error", Proxy, 500, "A defect of the proxy itself; please report it."},
    Reason{"ok", Nobody, 200, "All went well; left out of the log."},
    Reason{"bad_request_line", Client, 400,
           "The first line is not METHOD SP target SP version CRLF."},
    Reason{"bad_method", Client, 400, "The method is not a token in upper case."},
    Reason{"method_not_allowed", Client, 405, "CONNECT and TRACE are not served."},
    Reason{"connect_not_allowed", Client, 405, "CONNECT is not served here."},
    Reason{"bad_target", Client, 400, "The request target is not one, or leads above the root."},
    Reason{"target_too_long", Client, 414,
           "The request target is longer than limits.target_bytes."},
    Reason{"bad_version", Client, 400, "The version is not HTTP/DIGIT.DIGIT."},
    Reason{"http_version_unsupported", Client, 505, "Not HTTP/1.0 or HTTP/1.1."},
    Reason{"header_block_too_large", Client, 431, "The head is larger than limits.head_bytes."},
    Reason{"header_field_too_large", Client, 431,
           "A field line is longer than limits.field_bytes."},
    Reason{"too_many_headers", Client, 431, "There are more field lines than limits.fields."},
    Reason{"bad_header_name", Client, 400,
           "A field name is empty, not a token, or followed by space."},
    Reason{"bad_header_value", Client, 400,
           "A field value holds NUL, CR or another control character."},
    Reason{"obs_fold", Client, 400, "A field is folded over several lines."},
    Reason{"bare_lf", Client, 400, "A line ends in LF without CR."},
    Reason{"missing_host", Client, 400, "HTTP/1.1 without a Host field."},
    Reason{"duplicate_host", Client, 400, "More than one Host field."},
    Reason{"bad_host", Client, 400, "The Host field is not host[:port]."},
    Reason{"host_mismatch", Client, 400, "The target's authority and the Host field differ."},
    Reason{"expectation_failed", Client, 417, "An Expect other than 100-continue."},
    Reason{"bad_content_length", Client, 400, "Content-Length is not one plain number."},
    Reason{"bad_transfer_encoding", Client, 400, "Transfer-Encoding is not exactly 'chunked'."},
    Reason{"content_length_and_transfer_encoding", Client, 400,
           "Both are there: the length is in doubt."},
    Reason{"bad_connection_field", Client, 400, "Connection names what it may not, or no token."},
    Reason{"bad_chunk", Client, 400, "The chunked coding of the request's body is broken."},
    Reason{"no_virtual_host", Client, 404, "No virtual host has the name that was asked for."},
    Reason{"no_route", Client, 404, "No route of the virtual host takes the request."},
    Reason{"routing_key_missing", Client, 400,
           "The field with the key for the routing table is missing or empty."},
    Reason{"request_body_too_large", Client, 413,
           "The request's body is larger than the pool's max_request_body."},
    Reason{"concurrency_limit", Proxy, 429, "The pool's concurrency_limit is reached."},
    Reason{"circuit_open", Upstream, 503,
           "The pool's circuit breaker is open, and no pool stands in."},
    Reason{"health_check_failed", Nobody, 0,
           "A backend was asked for its health, and did not answer in time."},
    Reason{"health_check_status", Nobody, 0,
           "A backend was asked for its health, and its answer was not 2xx."},
    Reason{"timeout", Proxy, 504, "A wait was over that nobody has given a name."},
    Reason{"listen_failed", Proxy, 0, "An address could not be listened on."},
    Reason{"bad_address", Proxy, 502, "An application named a peer that is no address."},
    Reason{"client_header_timeout", Client, 408,
           "The head did not arrive within timeouts.client_header."},
    Reason{"client_body_timeout", Client, 408,
           "The body stalled for timeouts.client_body, or dripped."},
    Reason{"client_write_timeout", Client, 499,
           "The client took nothing for timeouts.client_write, or dripped."},
    Reason{"client_idle_timeout", Client, 0, "No next request within timeouts.client_idle."},
    Reason{"client_gone", Client, 499, "The client left before its answer was complete."},
    Reason{"client_gone_mid_body", Client, 499, "The client ended in the middle of its body."},
    Reason{"too_many_connections", Proxy, 503, "No descriptor or memory for another connection."},
    Reason{"too_many_from_address", Client, 0,
           "As many connections from this address as limits.connections_per_address are open."},
    Reason{"overloaded", Proxy, 503, "Too little memory is left, or the worker is late."},
    Reason{"request_total_timeout", Proxy, 504,
           "The exchange took longer than timeouts.request_total."},
    Reason{"shutting_down", Proxy, 503, "Cut when the drain time of a stop was over."},
    Reason{"refused_by_app", Proxy, 0, "The application refused the connection."},
    Reason{"answered_by_app", Proxy, 200, "The application answered by itself."},
    Reason{"body_length_mismatch", Proxy, 500,
           "A body did not have the length that was announced."},
    Reason{"upstream_dns_failed", Upstream, 503, "The backend's name does not resolve."},
    Reason{"no_healthy_backend", Upstream, 503, "Every backend of the pool is down or was tried."},
    Reason{"upstream_connect_refused", Upstream, 502,
           "The backend's machine refused the connection."},
    Reason{"upstream_connect_timeout", Upstream, 504,
           "No connection within timeouts.upstream_connect."},
    Reason{"upstream_unreachable", Upstream, 502, "There is no way to the backend's address."},
    Reason{"upstream_connection_limit", Upstream, 503, "limits.upstream_connections is reached."},
    Reason{"upstream_closed_before_response", Upstream, 502,
           "The backend closed without an answer."},
    Reason{"upstream_reset", Upstream, 502, "The backend broke the connection."},
    Reason{"upstream_header_timeout", Upstream, 504, "No answer within timeouts.upstream_header."},
    Reason{"upstream_try_timeout", Upstream, 504, "No answer within the pool's per_try_timeout."},
    Reason{"upstream_status", Upstream, 502,
           "The answer's status is one of those that the pool's retries count as none."},
    Reason{"upstream_idle_timeout", Upstream, 504,
           "The answer's body stalled for timeouts.upstream_idle."},
    Reason{"upstream_write_timeout", Upstream, 504,
           "The backend took nothing for timeouts.upstream_idle."},
    Reason{"upstream_bad_status_line", Upstream, 502,
           "The answer's first line is not a status line."},
    Reason{"upstream_bad_header", Upstream, 502, "A field line of the answer is malformed."},
    Reason{"upstream_header_too_large", Upstream, 502, "The answer's head is above the limits."},
    Reason{"upstream_bad_content_length", Upstream, 502,
           "The answer's Content-Length is not a number."},
    Reason{"upstream_bad_transfer_encoding", Upstream, 502,
           "The answer's coding is not 'chunked'."},
    Reason{"upstream_content_length_and_transfer_encoding", Upstream, 502,
           "Both are in the answer."},
    Reason{"upstream_bad_chunk", Upstream, 502,
           "The chunked coding of the answer's body is broken."},
    Reason{"upstream_truncated_body", Upstream, 502,
           "The backend closed in the middle of the body."},
    Reason{"upstream_excess_body", Upstream, 502, "The backend sent more than it announced."},
    Reason{"upstream_unexpected_upgrade", Upstream, 502,
           "A 101 to a request that did not ask for it."},
    Reason{"upstream_too_many_informational", Upstream, 502,
           "More 1xx answers than anybody needs."},
    Reason{"tunnel_idle_timeout", Nobody, 0,
           "An upgraded connection idled for timeouts.tunnel_idle."},
};
static_assert(kReasons.size() <= kReasonsMax);

// Eight bytes of a slug from `at` on, fewer at its end.
constexpr std::uint64_t bytes_at(std::string_view slug, std::size_t at) noexcept {
  std::uint64_t word = 0;
  auto count = slug.size() - at < 8 ? slug.size() - at : 8;
  for (std::size_t i = 0; i < count; ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(slug[at + i])} << (8 * i);
  }
  return word;
}

// Looks at both ends and the length alone: many slugs start or end alike, few do both.
constexpr std::size_t place_of(std::string_view slug) noexcept {
  auto tail = slug.size() > 8 ? bytes_at(slug, slug.size() - 8) : 0;
  return base::mix(bytes_at(slug, 0) ^ (tail * 31) ^ slug.size()) % 256;
}

constexpr unsigned char kNone = 255;

// Places of slugs in kReasons, by hash; a taken place sends to the next (open addressing).
constexpr std::array kPlaces = [] {
  std::array<unsigned char, 256> places{};
  places.fill(kNone);
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    auto place = place_of(kReasons[i].slug);
    while (places[place] != kNone) place = (place + 1) % places.size();
    places[place] = static_cast<unsigned char>(i);
  }
  return places;
}();

unsigned find(std::string_view slug) noexcept {
  for (auto place = place_of(slug);; place = (place + 1) % kPlaces.size()) {
    unsigned index = kPlaces[place];
    if (index == kNone || kReasons[index].slug == slug) return index;
  }
}

}  // namespace

std::span<const Reason> reasons() noexcept {
  return kReasons;
}

bool is_reason(std::string_view slug) noexcept {
  return find(slug) != kNone;
}

unsigned reason_index(std::string_view slug) noexcept {
  auto index = find(slug);
  return index == kNone ? 0 : index;
}

}  // namespace cirque::observe
