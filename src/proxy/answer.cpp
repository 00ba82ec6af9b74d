#include "proxy/answer.h"

#include <array>
#include <charconv>

#include "http/bodies.h"

namespace cirque::proxy {
namespace {

// RFC 9209 2.3: the registered error types, by reason where one fits exactly, else by fault.
struct ErrorType {
  std::string_view reason;
  std::string_view type;
};

constexpr std::array kErrorTypes = {
    ErrorType{"upstream_connect_refused", "connection_refused"},
    ErrorType{"upstream_connect_timeout", "connection_timeout"},
    ErrorType{"upstream_unreachable", "destination_ip_unroutable"},
    ErrorType{"upstream_dns_failed", "dns_error"},
    ErrorType{"no_virtual_host", "destination_not_found"},
    ErrorType{"no_route", "destination_not_found"},
    ErrorType{"no_healthy_backend", "destination_unavailable"},
    ErrorType{"circuit_open", "destination_unavailable"},
    ErrorType{"concurrency_limit", "connection_limit_reached"},
    ErrorType{"queue_full", "connection_limit_reached"},
    ErrorType{"queue_timeout", "connection_limit_reached"},
    ErrorType{"upstream_connection_limit", "connection_limit_reached"},
    ErrorType{"upstream_closed_before_response", "connection_terminated"},
    ErrorType{"upstream_reset", "connection_terminated"},
    ErrorType{"upstream_header_timeout", "http_response_timeout"},
    ErrorType{"upstream_try_timeout", "http_response_timeout"},
    ErrorType{"upstream_idle_timeout", "connection_read_timeout"},
    ErrorType{"upstream_write_timeout", "connection_write_timeout"},
    ErrorType{"upstream_header_too_large", "http_response_header_section_size"},
    ErrorType{"upstream_bad_chunk", "http_response_transfer_coding"},
    ErrorType{"upstream_bad_transfer_encoding", "http_response_transfer_coding"},
    ErrorType{"upstream_truncated_body", "http_response_incomplete"},
    ErrorType{"upstream_unexpected_upgrade", "http_upgrade_failed"},
};

std::string_view error_type(const Error& error) noexcept {
  for (const auto& [reason, type] : kErrorTypes) {
    if (reason == error.reason) return type;
  }
  if (error.side == Side::Client) return "http_request_error";
  if (error.side == Side::Upstream) return "http_protocol_error";
  return error.fault == Fault::Bug ? "proxy_internal_error" : "http_request_denied";
}

bool prefers_json(std::string_view accept) noexcept {
  auto json = accept.find("application/json");
  return json != std::string_view::npos && json < accept.find("text/html");
}

// Pieces put together in the arena; none of them needs escaping: they are ours, or an id of token
// characters.
template <class... Parts>
std::string_view concat(Arena& arena, Parts... parts) {
  std::array<std::string_view, sizeof...(Parts)> all = {std::string_view(parts)...};
  std::size_t size = 0;
  for (auto part : all) size += part.size();
  auto* to = static_cast<char*>(arena.take(size, 1));
  char* at = to;
  for (auto part : all) at += part.copy(at, part.size());
  return {to, size};
}

std::string_view digits(Arena& arena, int number) {
  auto* to = static_cast<char*>(arena.take(12, 1));
  auto end = std::to_chars(to, to + 12, number).ptr;
  return {to, end};
}

}  // namespace

int status_of(const Error& error) noexcept {
  bool ended = error.fault == Fault::Closed || error.fault == Fault::Reset;
  if (error.side == Side::Client && ended) return 0;
  if (error.status) return error.status;
  switch (error.side) {
    case Side::Client:
      if (error.fault == Fault::Timeout) return 408;
      return error.fault == Fault::TooLarge ? 413 : 400;
    case Side::Upstream:
      if (error.fault == Fault::Timeout) return 504;
      return error.fault == Fault::Overload || error.fault == Fault::NoPeer ? 503 : 502;
    case Side::Us:
      break;
  }
  switch (error.fault) {
    case Fault::NoPeer:
    case Fault::Overload:
    case Fault::Cancelled:
      return 503;
    case Fault::Timeout:
      return 504;
    case Fault::Unsupported:
      return 501;
    default:
      return 500;
  }
}

std::string_view too_many_from_address() noexcept {
  return "HTTP/1.1 429 Too Many Requests\r\n"
         "Content-Type: text/html; charset=utf-8\r\n"
         "Cache-Control: no-store\r\n"
         "Proxy-Status: cirque; error=http_request_denied; details=\"too_many_from_address\"\r\n"
         "Connection: close\r\n"
         "\r\n"
         "<!doctype html>\n<title>429 Too Many Requests</title>\n<h1>429 Too Many Requests</h1>\n"
         "<p>Reason: <code>too_many_from_address</code></p>\n";
}

Body text_body(Arena& arena, std::string_view text) {
  return Body::borrow(arena.make<http::TextBody>(text));
}

void make_error_answer(Exchange& exchange, int status, const Error& error) {
  Arena& arena = exchange.arena;
  auto code = digits(arena, status);
  auto phrase = reason_phrase(status);
  bool json = prefers_json(exchange.request.headers.get(Name::Accept));
  auto text = json
                  ? concat(arena, "{\"status\":", code, ",\"error\":\"", phrase, "\",\"reason\":\"",
                           error.reason, "\",\"request_id\":\"", exchange.id, "\"}\n")
                  : concat(arena, "<!doctype html>\n<title>", code, " ", phrase, "</title>\n<h1>",
                           code, " ", phrase, "</h1>\n<p>Reason: <code>", error.reason,
                           "</code></p>\n<p>Request: <code>", exchange.id, "</code></p>\n");
  Response& response = exchange.response;
  response.body = Body();
  response.headers.clear();
  response.status = status;
  response.reason = {};
  response.headers.add(Name::ContentType, json ? "application/json" : "text/html; charset=utf-8");
  response.headers.add(Name::CacheControl, "no-store");
  response.headers.add(Name::ProxyStatus, concat(arena, "cirque; error=", error_type(error),
                                                 "; details=\"", error.reason, "\""));
  if (!exchange.id.empty()) response.headers.add(Name::XRequestId, exchange.id);
  if (error.reason == "overloaded") response.headers.add(Name::RetryAfter, "2");
  response.body = text_body(arena, text);
}

}  // namespace cirque::proxy
