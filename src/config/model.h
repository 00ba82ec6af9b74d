#pragma once
// What a configuration file says, as plain values: the typed model that everything behind it is built
// from. The defaults here are the defaults that help, documentation and man page print.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "cirque/address.h"
#include "cirque/clock.h"

namespace cirque::config {

// Where to listen or connect. An IP address or a unix socket is known at once; a name is resolved later.
struct HostPort {
  std::string text;                // as the file has it
  std::string host;                // without port and brackets; empty for a unix socket
  std::uint16_t port = 0;          // 0 (listening only): the kernel picks one
  std::optional<Address> address;  // not set: `host` is a name
};

struct HealthCheck {
  Duration timeout = 500ms;
  Duration interval = 5s;
  unsigned unhealthy_threshold = 1;
  unsigned healthy_threshold = 1;
};

struct Service {
  std::string name;
  HostPort bind;
  std::vector<HostPort> upstreams;
  bool tls = false;
  HealthCheck health_check;
};

struct Timeouts {
  Duration client_header = 15s;  // the whole head
  Duration client_body = 30s;    // without progress
  Duration client_write = 60s;   // without progress
  Duration client_idle = 75s;
  Duration client_age = 1h;
  Duration half_close = 1s;
  Duration upstream_connect = 2s;
  Duration upstream_header = 60s;
  Duration upstream_idle = 60s;
  Duration upstream_keepalive = 30s;
  Duration request_total = 24h;
  Duration tunnel_idle = 1h;
  Duration drain = 30s;
  Duration dns_refresh = 10s;
};

struct Limits {
  std::size_t head_bytes = 32 * 1024;
  std::size_t field_bytes = 16 * 1024;
  std::size_t fields = 128;
  std::size_t target_bytes = 16 * 1024;
  unsigned requests_per_connection = 10000;
  std::uint32_t connections = 0;              // 0: from the file-descriptor budget
  std::uint32_t upstream_connections = 1024;  // per backend and process
  std::uint32_t upstream_idle = 256;          // per backend
  std::size_t drain_bytes = 64 * 1024;
};

struct AccessLog {
  enum Format : std::uint8_t { Json, Text, Combined };
  bool enabled = true;
  Format format = Json;
  std::string output = "stdout";  // or stderr, file
  std::string path;
};

struct Logging {
  log::Level level = log::Level::Info;
  log::Format format = log::Format::Text;
  std::string output = "stderr";  // or file
  std::string path;
  AccessLog access;
};

struct Metrics {
  bool enabled = true;
  HostPort listen{.text = "127.0.0.1:9090",
                  .host = "127.0.0.1",
                  .port = 9090,
                  .address = Address::parse_ip("127.0.0.1", 9090).value()};
};

struct Server {
  unsigned workers = 0;  // 0: one a CPU
  bool pin_workers = true;
  std::vector<std::string> trusted_proxies;  // CIDR, checked
  std::string congestion_control;            // empty: the kernel's default
  int backlog = 4096;
};

struct Model {
  std::string file;
  Server server;
  Timeouts timeouts;
  Limits limits;
  Logging logging;
  Metrics metrics;
  std::vector<Service> services;
};

}  // namespace cirque::config
