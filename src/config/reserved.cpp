#include "config/reserved.h"

#include <algorithm>

namespace cirque::config {
namespace {

constexpr Reserved kReserved[] = {
    {"admin.token", "A secret that orders have to bring."},
    {"certificates[].acme", "A certificate that is obtained and renewed by itself."},
    {"control_plane", "Where configurations are pushed from."},
    {"listeners[].protocols", "HTTP/1.1, HTTP/2, HTTP/3."},
    {"listeners[].tls", "TLS towards clients."},
    {"pools[].protocol", "HTTP/2 towards backends."},
    {"pools[].tls", "TLS towards backends."},
    {"tracing", "Where spans go, and how many."},
    {"virtual_hosts[].routes[].cache", "What is kept of answers, and for how long."},
    {"virtual_hosts[].routes[].canary", "A share of the traffic for a new version, and when back."},
    {"virtual_hosts[].routes[].filters", "What is changed in requests and answers on the way."},
    {"virtual_hosts[].routes[].shadow", "A pool that gets a copy of requests, to compare."},
};

}  // namespace

std::span<const Reserved> reserved() {
  return kReserved;
}

const Reserved* reserved_at(std::string_view table, std::string_view key) noexcept {
  auto is_it = [&](const Reserved& one) {
    if (!one.path.ends_with(key)) return false;
    auto above = one.path.substr(0, one.path.size() - key.size());
    return table.empty() ? above.empty()
                         : above.size() == table.size() + 1 && above.starts_with(table) &&
                               above.ends_with('.');
  };
  const auto* found = std::ranges::find_if(kReserved, is_it);
  return found == std::end(kReserved) ? nullptr : found;
}

}  // namespace cirque::config
