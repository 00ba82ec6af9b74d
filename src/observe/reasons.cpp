#include "observe/reasons.h"

#include <array>
#include <cstdint>

#include "base/hash.h"

namespace cirque::observe {
namespace {

using enum Blame;

// internal_error is first: it is what an unknown slug counts as.
constexpr std::array kReasons = {
    Reason{"internal_error", Proxy, 500, "A defect of the proxy, or an application's exception.",
           "Report it, with what the log says at this time and the request's id."},
    Reason{"bad_request_line", Client, 400,
           "The first line is not METHOD SP target SP version CRLF.",
           "See who sent it, in the access log: TLS, or another protocol altogether, looks like "
           "this at a port for plain HTTP."},
    Reason{"bad_method", Client, 400, "The method is not a token in upper case.",
           "Correct the client: GET, not get. Another protocol than HTTP may look like this, too."},
    Reason{"method_not_allowed", Client, 405, "CONNECT and TRACE are not served.",
           "Have the client use another method: no setting allows these two."},
    Reason{"bad_target", Client, 400, "The request target is not one, or leads above the root.",
           "Have the client encode what is no part of a URL. A slash, a backslash or NUL is "
           "refused in encoded form as well, as backends read it in different ways."},
    Reason{"target_too_long", Client, 414, "The request target is longer than limits.target_bytes.",
           "Raise limits.target_bytes, or have the client send long values in a body."},
    Reason{"bad_version", Client, 400, "The version is not HTTP/DIGIT.DIGIT.",
           "Correct the client: HTTP/1.1 or HTTP/1.0, in capitals and with nothing behind it."},
    Reason{"http_version_unsupported", Client, 505, "Not HTTP/1.0 or HTTP/1.1.",
           "Have the client speak HTTP/1.1; HTTP/2 without TLS is not served."},
    Reason{"header_block_too_large", Client, 431, "The head is larger than limits.head_bytes.",
           "Raise limits.head_bytes, or look for what fills the head: mostly cookies that have "
           "piled up."},
    Reason{"header_field_too_large", Client, 431, "A field line is longer than limits.field_bytes.",
           "Raise limits.field_bytes, or have the site set smaller cookies."},
    Reason{"too_many_headers", Client, 431, "There are more field lines than limits.fields.",
           "Raise limits.fields, or look for the proxy in front that adds fields."},
    Reason{"bad_header_name", Client, 400,
           "A field name is empty, not a token, or followed by space.",
           "Correct the client. Such fields smuggle requests past proxies: no setting lets them "
           "pass."},
    Reason{"bad_header_value", Client, 400,
           "A field value holds NUL, CR or another control character.",
           "Correct the client. Such fields smuggle requests past proxies: no setting lets them "
           "pass."},
    Reason{"obs_fold", Client, 400, "A field is folded over several lines.",
           "Have the client send each field on one line, as RFC 9112 5.2 demands."},
    Reason{"bare_lf", Client, 400, "A line ends in LF without CR.",
           "Have the client end lines in CR LF; what is typed by hand needs printf and \\r\\n."},
    Reason{"missing_host", Client, 400, "HTTP/1.1 without a Host field.",
           "Have the client send Host, or speak HTTP/1.0."},
    Reason{"duplicate_host", Client, 400, "More than one Host field.",
           "Have the client, or the proxy in front, send one Host field."},
    Reason{"bad_host", Client, 400, "The Host field is not host[:port].",
           "Correct the client: a name or an address, and a port if it is not the usual one."},
    Reason{"host_mismatch", Client, 400, "The target's authority and the Host field differ.",
           "Have the client send the same in both places."},
    Reason{"expectation_failed", Client, 417, "An Expect other than 100-continue.",
           "Have the client leave Expect out: there is no other expectation."},
    Reason{"bad_content_length", Client, 400, "Content-Length is not one plain number.",
           "Correct the client: one field, digits alone."},
    Reason{"bad_transfer_encoding", Client, 400, "Transfer-Encoding is not exactly 'chunked'.",
           "Have the client send 'chunked' alone, and with HTTP/1.0 no coding; compression belongs "
           "in Content-Encoding."},
    Reason{
        "content_length_and_transfer_encoding", Client, 400,
        "Both are there: the length is in doubt.",
        "Have the client leave Content-Length out, and see who it is: requests are smuggled so."},
    Reason{"bad_connection_field", Client, 400, "Connection names what it may not, or no token.",
           "Correct the client: tokens, and not those of Host, of the body's length or the like."},
    Reason{"bad_chunk", Client, 400, "The chunked coding of the request's body is broken.",
           "Correct the client: a hexadecimal size, CR LF, that many bytes, CR LF."},
    Reason{"no_virtual_host", Client, 404, "No virtual host has the name that was asked for.",
           "Add the name to virtual_hosts[].hosts, or '*' for whatever is asked; `cirque explain "
           "URL` shows how hosts are compared."},
    Reason{"no_route", Client, 404, "No route of the virtual host takes the request.",
           "Add a route without conditions as the last resort, or see by `cirque explain URL` at "
           "which condition each one failed."},
    Reason{"routing_key_missing", Client, 400,
           "The field with the key for the routing table is missing or empty.",
           "Have the client send the field that routing_tables[].header names."},
    Reason{"request_body_too_large", Client, 413,
           "The request's body is larger than the pool's max_request_body.",
           "Raise pools[].max_request_body, or have the client send less."},
    Reason{
        "concurrency_limit", Proxy, 429,
        "The pool's concurrency_limit is reached, or the backend_concurrency_limit of all "
        "backends.",
        "Raise pools[].concurrency_limit or pools[].backend_concurrency_limit if the backends can "
        "take more at once, add backends, or let requests wait: pools[].queue."},
    Reason{
        "queue_full", Proxy, 503,
        "The pool has no room, and as many requests as pools[].queue.size wait for some already.",
        "See in cirque_pool_requests and cirque_pool_requests_max whether its backends could take "
        "more at once, and raise the limit then; else add backends. A longer queue helps only "
        "against peaks."},
    Reason{"queue_timeout", Proxy, 503,
           "The request waited in line for its pool for as long as pools[].queue.timeout.",
           "See in the access log how long others wait (queued_ms). Raise the pool's limit if its "
           "backends can take more at once, or add backends."},
    Reason{"rate_limited", Client, 429, "A rate limit that the request meets is used up.",
           "See in the access log which one, and cirque_rate_limited_total; raise "
           "rate_limits[].requests or rate_limits[].burst if honest clients meet it."},
    Reason{
        "circuit_open", Upstream, 503,
        "The circuit breaker of the pool, or of each of its backends, is open, and no pool stands "
        "in.",
        "See in cirque_upstream_failures_total what opened it. It tries again after "
        "pools[].circuit_breaker.timeout or pools[].backend_circuit_breaker.timeout; "
        "pools[].fallback names a pool that stands in."},
    Reason{"health_check_failed", Nobody, 0,
           "A backend was asked for its health, and ended or was late before its answer was there.",
           "Ask the backend for health_check.path yourself; raise health_check.timeout if it is "
           "only slow.",
           Seen::Health},
    Reason{
        "health_check_status", Nobody, 0,
        "A backend was asked for its health, and its answer had another status than was expected.",
        "Ask the backend for health_check.path yourself, with health_check.host: it has to "
        "answer with one of health_check.statuses, 2xx unless others are given.",
        Seen::Health},
    Reason{"health_check_body", Nobody, 0,
           "A backend was asked for its health, and health_check.body was not in its answer.",
           "Ask the backend for health_check.path yourself: the text has to occur, byte for byte, "
           "in the first 64 KiB of the body.",
           Seen::Health},
    Reason{"health_check_malformed", Nobody, 0,
           "A backend was asked for its health, and its answer was not HTTP/1.",
           "Ask the backend for health_check.path yourself; see that what listens there speaks "
           "plain HTTP/1.1, and that its head has no more than 16 KiB.",
           Seen::Health},
    Reason{"timeout", Proxy, 504, "A wait was over that nobody has given a name.",
           "Report it: every wait ought to have a reason of its own."},
    Reason{"listen_failed", Proxy, 0, "An address could not be listened on.",
           "See the error beside it: free the address, or change listeners[].address; ports below "
           "1024 need CAP_NET_BIND_SERVICE.",
           Seen::Start},
    Reason{"bad_address", Proxy, 500, "An application named a peer that is no address.",
           "Correct the application: 127.0.0.1:3001, [::1]:3001 or unix:PATH, and no names."},
    Reason{"client_header_timeout", Client, 408,
           "The head did not arrive within timeouts.client_header.",
           "Raise timeouts.client_header for honest clients on bad lines. Many at once, from few "
           "addresses, are an attack."},
    Reason{"client_body_timeout", Client, 408,
           "The body stalled for timeouts.client_body, or dripped.",
           "Raise timeouts.client_body, or lower limits.body_rate for uploads over slow lines."},
    Reason{"client_write_timeout", Client, 0,
           "The client took nothing for timeouts.client_write, or dripped.",
           "Raise timeouts.client_write for clients that pause on purpose, or lower "
           "limits.write_rate for slow lines; else there is nothing to do."},
    Reason{"client_gone", Client, 499, "The client left before its answer was complete.",
           "Nothing, if it is rare. If not, compare duration_ms in the access log with the "
           "patience of the clients or of the proxy in front. A client that ends its side alone is "
           "given timeouts.half_close."},
    Reason{"client_gone_mid_body", Client, 499, "The client ended in the middle of its body.",
           "Nothing, if it is rare. If not, look at the proxy in front, and at how long uploads "
           "take."},
    Reason{"too_many_connections", Proxy, 503, "No descriptor or memory for another connection.",
           "Raise the limit of descriptors (LimitNOFILE, ulimit -n), or lower limits.connections, "
           "so that clients wait in the kernel's queue instead.",
           Seen::Connection},
    Reason{
        "too_many_from_address", Client, 429,
        "As many connections from this address as limits.connections_per_address are open.",
        "Raise limits.connections_per_address if many people share an address, or name the proxy "
        "in front in server.trusted_proxies: it is not counted.",
        Seen::Connection},
    Reason{"overloaded", Proxy, 503, "Too little memory is left, or the worker is late.",
           "See cirque_overload_level and the log, which tells the figures; give the process more "
           "memory (limits.memory) or more machines."},
    Reason{"request_total_timeout", Proxy, 504,
           "The exchange took longer than timeouts.request_total.",
           "Raise timeouts.request_total for long downloads, or find the slow part: connect_ms, "
           "upstream_ms and duration_ms in the access log."},
    Reason{"shutting_down", Proxy, 0, "Cut when the drain time of a stop was over.",
           "Raise timeouts.drain if requests need longer than that to end."},
    Reason{"refused_by_app", Proxy, 0, "The application refused the connection.",
           "See what the application's on_connect() looks at.", Seen::Connection},
    Reason{"body_length_mismatch", Proxy, 500, "A body did not have the length that was announced.",
           "Correct the application: its body has to bring as much as its remaining() says."},
    Reason{"upstream_dns_failed", Upstream, 503, "The backend's name does not resolve.",
           "Look the name up on this machine (getent hosts NAME); server.dns_servers says who is "
           "asked, timeouts.dns_refresh how often."},
    Reason{"no_healthy_backend", Upstream, 503, "Every backend of the pool is down or was tried.",
           "See cirque_upstream_healthy, and in the log why each backend is down; pools[].fallback "
           "names a pool that stands in."},
    Reason{"upstream_connect_refused", Upstream, 502,
           "The backend's machine refused the connection.",
           "Start the backend, or correct its address: nothing listens there.", Seen::Attempt},
    Reason{"upstream_connect_timeout", Upstream, 504,
           "No connection within timeouts.upstream_connect.",
           "See whether a firewall drops packets, or whether the backend is too busy to accept; "
           "raise timeouts.upstream_connect for backends far away.",
           Seen::Attempt},
    Reason{"upstream_unreachable", Upstream, 502, "There is no way to the backend's address.",
           "See the routes and interfaces of this machine: ip route get ADDRESS.", Seen::Attempt},
    Reason{"upstream_connection_limit", Upstream, 503, "limits.upstream_connections is reached.",
           "Raise limits.upstream_connections if the backend can take more, or add backends.",
           Seen::Attempt},
    Reason{"upstream_closed_before_response", Upstream, 502,
           "The backend closed without an answer.",
           "See the backend's log: it stopped, crashed, or closes idle connections sooner than "
           "timeouts.upstream_keepalive.",
           Seen::Attempt},
    Reason{"backend_drained", Proxy, 503,
           "An operator has taken the backend out of service, and the request took longer than the "
           "deadline.",
           "Try again: another backend takes it. Whoever drains backends gives them longer with "
           "cirque drain --within."},
    Reason{"upstream_reset", Upstream, 502, "The backend broke the connection.",
           "See the backend's log: it crashed, or closed with bytes unread. A firewall in between "
           "that forgets connections does the same.",
           Seen::Attempt},
    Reason{
        "upstream_continue_timeout", Upstream, 504,
        "The client sends its body once it is told 100 Continue, and within "
        "timeouts.upstream_header the backend neither told so nor answered.",
        "Have the backend answer Expect: 100-continue, or the client leave it out. It counts for "
        "no breaker, as the backend may wait for the body."},
    Reason{"upstream_header_timeout", Upstream, 504, "No answer within timeouts.upstream_header.",
           "See what the backend is waiting for; raise timeouts.upstream_header if its answers may "
           "take so long to begin.",
           Seen::Attempt},
    Reason{
        "upstream_try_timeout", Upstream, 504,
        "No answer within the pool's retries.per_try_timeout, and nobody else was asked.",
        "Raise pools[].retries.per_try_timeout if the backend is only slow, or "
        "pools[].retries.attempts; cirque_upstream_retries_suppressed_total says why nobody else "
        "was asked."},
    Reason{"upstream_status", Upstream, 502,
           "The answer's status is one of those that pools[].retries.statuses counts as none.",
           "Look into the backend's own log. The answer itself is told when no retry is left.",
           Seen::Attempt},
    Reason{"upstream_idle_timeout", Upstream, 504,
           "The answer's body stalled for timeouts.upstream_idle.",
           "Raise timeouts.upstream_idle for streams that pause, such as events, or have the "
           "backend send something now and then.",
           Seen::Attempt},
    Reason{"upstream_write_timeout", Upstream, 504,
           "The backend took nothing for timeouts.upstream_idle.",
           "See why the backend does not read the request's body; raise timeouts.upstream_idle if "
           "it may take so long.",
           Seen::Attempt},
    Reason{"upstream_bad_status_line", Upstream, 502,
           "The answer's first line is not a status line.",
           "See what listens at the backend's address: TLS and HTTP/2 look like this, and so do "
           "answers that are longer than the backend said.",
           Seen::Attempt},
    Reason{"upstream_bad_header", Upstream, 502, "A field line of the answer is malformed.",
           "Correct the backend: a name, a colon, a value without control characters, CR LF. curl "
           "-v shows it.",
           Seen::Attempt},
    Reason{"upstream_header_too_large", Upstream, 502, "The answer's head is above the limits.",
           "Raise limits.head_bytes, limits.field_bytes (answers may have four times as much) or "
           "limits.fields (twice as many), or have the backend set less.",
           Seen::Attempt},
    Reason{"upstream_bad_content_length", Upstream, 502,
           "The answer's Content-Length is not a number.",
           "Correct the backend: one field, digits alone.", Seen::Attempt},
    Reason{"upstream_bad_transfer_encoding", Upstream, 502, "The answer's coding is not 'chunked'.",
           "Have the backend send 'chunked' alone; compression belongs in Content-Encoding.",
           Seen::Attempt},
    Reason{"upstream_content_length_and_transfer_encoding", Upstream, 502,
           "Both are in the answer.",
           "Have the backend leave Content-Length out: with both, the length is in doubt.",
           Seen::Attempt},
    Reason{
        "upstream_bad_chunk", Upstream, 502, "The chunked coding of the answer's body is broken.",
        "Correct the backend: a hexadecimal size, CR LF, that many bytes, CR LF.", Seen::Attempt},
    Reason{"upstream_truncated_body", Upstream, 502,
           "The backend closed in the middle of the body.",
           "See the backend's log: it stopped, crashed, or announced more than it had.",
           Seen::Attempt},
    Reason{"upstream_unexpected_upgrade", Upstream, 502,
           "A 101 to a request that did not ask for it.",
           "Correct the backend: it may switch only to what the client's Upgrade names.",
           Seen::Attempt},
    Reason{"upstream_too_many_informational", Upstream, 502, "More 1xx answers than anybody needs.",
           "Correct the backend: 32 of them are enough before the answer.", Seen::Attempt},
    Reason{
        "tunnel_idle_timeout", Nobody, 0, "An upgraded connection idled for timeouts.tunnel_idle.",
        "Raise timeouts.tunnel_idle, or have one side send something now and then, such as pings."},
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
