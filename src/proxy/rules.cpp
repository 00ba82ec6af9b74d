// The settings of a process, cut into the pieces that its rooms take.
#include "http/forwarding.h"
#include "proxy/worker.h"

namespace cirque::proxy {

Rules::Rules(const Timeouts& t, const Limits& l, std::string congestion_control,
             const std::vector<std::string>& trusted_proxies, bool share_idle)
    : timeouts(t), limits(l) {
  server.head = {.head_bytes = l.head_bytes,
                 .field_bytes = l.field_bytes,
                 .fields = l.fields,
                 .target_bytes = l.target_bytes};
  server.head_time = t.client_header;
  server.body = {.stall = t.client_body, .grace = t.client_body, .bytes_per_second = l.body_rate};
  server.write = {
      .stall = t.client_write, .grace = t.client_write, .bytes_per_second = l.write_rate};
  server.drain_bytes = l.drain_bytes;
  client.head = {.head_bytes = 4 * l.head_bytes,  // answers set many and large cookies
                 .field_bytes = 4 * l.field_bytes,
                 .fields = 2 * l.fields,
                 .target_bytes = l.target_bytes};
  client.first_byte = t.upstream_header;
  client.body = {.stall = t.upstream_idle};
  client.write = {.stall = t.upstream_idle};
  connect = {.connect = t.upstream_connect,
             .keep_alive = t.upstream_keepalive,
             .connections_max = l.upstream_connections,
             .idle_max = l.upstream_idle,
             .share_idle = share_idle,
             .congestion_control = std::move(congestion_control)};
  for (const auto& text : trusted_proxies) {
    if (auto network = Network::parse(text)) trusted.push_back(*network);
  }
}

bool Rules::trusts(const Address& address) const noexcept {
  return http::is_in(trusted, address);
}

}  // namespace cirque::proxy
