#pragma once
// The knobs of the engine, with their defaults: every time-out finite, every limit on.
#include <cstddef>
#include <cstdint>
#include <string>

#include "cirque/clock.h"

namespace cirque {

struct Timeouts {
  Duration client_header = 15s;  // the whole head, from its first byte
  Duration client_body = 30s;    // no byte of the body for so long
  Duration client_write = 60s;   // the client takes no byte for so long, or less than write_rate
  Duration client_idle = 75s;    // between requests
  Duration client_age = 1h;      // after this, the answer in progress is the connection's last
  Duration half_close = 1s;      // a client that sent FIN may still wait this long for its answer
  Duration upstream_connect = 2s;
  Duration upstream_header = 60s;  // from the request's end to the answer's head
  Duration upstream_idle = 60s;  // no byte of the answer's body, or none of ours taken, for so long
  Duration upstream_keepalive = 30s;  // a pooled connection
  Duration request_total = 24h;
  Duration tunnel_idle = 1h;
  Duration drain = 30s;  // graceful stop
  Duration dns_refresh = 10s;

  bool operator==(const Timeouts&) const = default;
};

struct Limits {
  std::size_t head_bytes = std::size_t{32} * 1024;
  std::size_t field_bytes = std::size_t{16} * 1024;
  std::size_t fields = 128;
  std::size_t target_bytes = std::size_t{16} * 1024;
  unsigned requests_per_connection = 10'000;
  std::uint32_t connections = 0;                     // of clients; 0: from the descriptor budget
  std::uint32_t connections_per_address = 0;         // IPv6: a /64; 0: no matter
  std::size_t memory = 0;                            // of the process; 0: the cgroup's or machine's
  Duration loop_lag = 50ms;                          // of a worker, for a second; 0: no matter
  std::uint32_t upstream_connections = 1024;         // a backend
  std::uint32_t upstream_idle = 1024;                // a backend and worker
  std::size_t drain_bytes = std::size_t{64} * 1024;  // of an unread request body
  std::uint32_t body_rate = 240;   // bytes a second, of a request body; 0: no matter
  std::uint32_t write_rate = 240;  // bytes a second, that a client takes of an answer; 0: no matter

  bool operator==(const Limits&) const = default;
};

}  // namespace cirque
