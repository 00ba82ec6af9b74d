#include "observe/reasons.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace cirque::observe {
namespace {

using enum Blame;

constexpr std::array kReasons = {
    Reason{"internal_error", Proxy, "A defect of the proxy itself; please report it."},
    Reason{"bad_request_line", Client, "The first line is not METHOD SP target SP version CRLF."},
    Reason{"bad_method", Client, "The method is not a token in upper case."},
    Reason{"method_not_allowed", Client, "CONNECT and TRACE are not served."},
    Reason{"bad_target", Client, "The request target is not one, or leads above the root."},
    Reason{"target_too_long", Client, "The request target is longer than limits.target_bytes."},
    Reason{"bad_version", Client, "The version is not HTTP/DIGIT.DIGIT."},
    Reason{"http_version_unsupported", Client, "Not HTTP/1.0 or HTTP/1.1."},
    Reason{"header_block_too_large", Client, "The head is larger than limits.head_bytes."},
    Reason{"header_field_too_large", Client, "A field line is longer than limits.field_bytes."},
    Reason{"too_many_headers", Client, "There are more field lines than limits.fields."},
    Reason{"bad_header_name", Client, "A field name is empty, not a token, or followed by space."},
    Reason{"bad_header_value", Client, "A field value holds NUL, CR or another control character."},
    Reason{"obs_fold", Client, "A field is folded over several lines."},
    Reason{"bare_lf", Client, "A line ends in LF without CR."},
    Reason{"missing_host", Client, "HTTP/1.1 without a Host field."},
    Reason{"duplicate_host", Client, "More than one Host field."},
    Reason{"bad_host", Client, "The Host field is not host[:port]."},
    Reason{"host_mismatch", Client, "The target's authority and the Host field differ."},
    Reason{"expectation_failed", Client, "An Expect other than 100-continue."},
    Reason{"bad_content_length", Client, "Content-Length is not one plain number."},
    Reason{"bad_transfer_encoding", Client, "Transfer-Encoding is not exactly 'chunked'."},
    Reason{"content_length_and_transfer_encoding", Client, "Both are there: the length is in doubt."},
    Reason{"bad_connection_field", Client, "Connection names what it may not, or no token."},
    Reason{"bad_chunk", Client, "The chunked coding of the request's body is broken."},
    Reason{"client_header_timeout", Client, "The head did not arrive within timeouts.client_header."},
    Reason{"client_body_timeout", Client, "The body stalled for timeouts.client_body, or dripped."},
    Reason{"client_write_timeout", Client, "The client took nothing for timeouts.client_write."},
    Reason{"client_gone", Client, "The client left before its answer was complete."},
    Reason{"client_gone_mid_body", Client, "The client ended in the middle of its body."},
    Reason{"too_many_connections", Proxy, "No descriptor or memory for another connection."},
    Reason{"request_total_timeout", Proxy, "The exchange took longer than timeouts.request_total."},
    Reason{"shutting_down", Proxy, "Cut when the drain time of a stop was over."},
    Reason{"refused_by_app", Proxy, "The application refused the connection."},
    Reason{"body_length_mismatch", Proxy, "A body did not have the length that was announced."},
    Reason{"upstream_dns_failed", Upstream, "The backend's name does not resolve."},
    Reason{"no_healthy_backend", Upstream, "Every backend of the pool is down or was tried."},
    Reason{"upstream_connect_refused", Upstream, "The backend's machine refused the connection."},
    Reason{"upstream_connect_timeout", Upstream, "No connection within timeouts.upstream_connect."},
    Reason{"upstream_unreachable", Upstream, "There is no way to the backend's address."},
    Reason{"upstream_connection_limit", Upstream, "limits.upstream_connections is reached."},
    Reason{"upstream_closed_before_response", Upstream, "The backend closed without an answer."},
    Reason{"upstream_reset", Upstream, "The backend broke the connection."},
    Reason{"upstream_header_timeout", Upstream, "No answer within timeouts.upstream_header."},
    Reason{"upstream_idle_timeout", Upstream, "The answer's body stalled for timeouts.upstream_idle."},
    Reason{"upstream_write_timeout", Upstream, "The backend took nothing for timeouts.upstream_idle."},
    Reason{"upstream_bad_status_line", Upstream, "The answer's first line is not a status line."},
    Reason{"upstream_bad_header", Upstream, "A field line of the answer is malformed."},
    Reason{"upstream_header_too_large", Upstream, "The answer's head is above the limits."},
    Reason{"upstream_bad_content_length", Upstream, "The answer's Content-Length is not a number."},
    Reason{"upstream_bad_transfer_encoding", Upstream, "The answer's coding is not 'chunked'."},
    Reason{"upstream_content_length_and_transfer_encoding", Upstream, "Both are in the answer."},
    Reason{"upstream_bad_chunk", Upstream, "The chunked coding of the answer's body is broken."},
    Reason{"upstream_truncated_body", Upstream, "The backend closed in the middle of the body."},
    Reason{"upstream_unexpected_upgrade", Upstream, "A 101 to a request that did not ask for it."},
    Reason{"upstream_too_many_informational", Upstream, "More 1xx answers than anybody needs."},
    Reason{"tunnel_idle_timeout", Nobody, "An upgraded connection idled for timeouts.tunnel_idle."},
};
static_assert(kReasons.size() <= kReasonsMax);

constexpr std::array kSorted = [] {
  std::array<unsigned char, kReasons.size()> order{};
  std::iota(order.begin(), order.end(), static_cast<unsigned char>(0));
  std::ranges::sort(order, {}, [](unsigned char i) { return kReasons[i].slug; });
  return order;
}();

}  // namespace

std::span<const Reason> reasons() noexcept { return kReasons; }

bool is_reason(std::string_view slug) noexcept {
  auto found = std::ranges::lower_bound(kSorted, slug, {}, [](auto i) { return kReasons[i].slug; });
  return found != kSorted.end() && kReasons[*found].slug == slug;
}

unsigned reason_index(std::string_view slug) noexcept {
  auto found = std::ranges::lower_bound(kSorted, slug, {}, [](auto i) { return kReasons[i].slug; });
  return found != kSorted.end() && kReasons[*found].slug == slug ? *found : 0;
}

}  // namespace cirque::observe
