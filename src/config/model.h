#pragma once
// What a configuration file says, as plain values: the typed model that everything behind it is
// built from. The defaults here and in cirque/settings.h are those that help and documentation
// print.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "cirque/address.h"
#include "cirque/clock.h"
#include "cirque/settings.h"

namespace cirque::config {

using cirque::Limits;
using cirque::Timeouts;

// Where to listen or connect. An IP address or a unix socket is known at once; a name is resolved
// later.
struct HostPort {
  std::string text;                // as the file has it
  std::string host;                // without port and brackets; empty for a unix socket
  std::uint16_t port = 0;          // 0 (listening only): the kernel picks one
  std::optional<Address> address;  // not set: `host` is a name

  bool operator==(const HostPort& other) const { return text == other.text; }
};

struct HealthCheck {
  Duration timeout = 500ms;
  Duration interval = 5s;
  unsigned unhealthy_threshold = 1;
  unsigned healthy_threshold = 1;

  bool operator==(const HealthCheck&) const = default;
};

struct Service {
  std::string name;
  HostPort bind;
  std::vector<HostPort> upstreams;
  bool tls = false;
  HealthCheck health_check;

  bool operator==(const Service&) const = default;
};

struct AccessLog {
  enum Format : std::uint8_t { Json, Text, Combined };

  bool enabled = true;
  Format format = Json;
  std::string output = "stdout";  // or stderr, file
  std::string path;

  bool operator==(const AccessLog&) const = default;
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
  bool watch_config = false;
  std::vector<HostPort> dns_servers;  // IP addresses; empty: those of /etc/resolv.conf

  bool operator==(const Server&) const = default;
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
