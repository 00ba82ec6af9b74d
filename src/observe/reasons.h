#pragma once
// Why requests end as they do: every slug that a user can meet in the log, the metrics, the error
// page or Proxy-Status, who is to blame, what it means, and what can be done. From this table come
// `cirque why`, docs/reasons.md and the metrics' labels. May be used from any thread.
#include <cstdint>
#include <span>
#include <string_view>

namespace cirque::observe {

enum class Blame : unsigned char { Nobody, Client, Proxy, Upstream };

// Where a user meets it.
enum class Seen : unsigned char {
  Request,     // access log, error page, Proxy-Status, cirque_http_reasons_total
  Attempt,     // the same, and cirque_upstream_failures_total, also when another attempt went well
  Connection,  // cirque_connections_refused_total: there was no request yet
  Health,      // the log, when a backend becomes unhealthy
  Start,       // the log, when a listener cannot be opened
};

// All texts are static and end in a full stop.
struct Reason {
  std::string_view slug;
  Blame blame;
  // What it is answered with, unless the error says otherwise; 499: logged as that, nobody is there
  // to answer; 0: no answer of its own.
  std::uint16_t status;
  std::string_view meaning;  // what happened
  std::string_view remedy;   // what to look at, or to do
  Seen seen = Seen::Request;
};

// In a fixed order; a reason's place is its index in the metrics.
std::span<const Reason> reasons() noexcept;

// The place of any slug, a few ns; that of internal_error for a slug that is not in the list.
unsigned reason_index(std::string_view slug) noexcept;
bool is_reason(std::string_view slug) noexcept;

inline constexpr unsigned kReasonsMax = 96;

}  // namespace cirque::observe
