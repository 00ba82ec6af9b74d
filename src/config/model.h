#pragma once
// What a configuration file says, as plain values: the typed model that everything behind it is
// built from. The defaults here and in cirque/settings.h are those that help and documentation
// print.
#include <cstddef>
#include <cstdint>
#include <deque>
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

// A key and a value of the file's own choosing, in the order of the file.
struct TableEntry {
  std::string key;
  std::string value;

  bool operator==(const TableEntry&) const = default;
};

struct HealthCheck {
  Duration timeout = 5s;
  Duration interval = 10s;
  unsigned unhealthy_threshold = 3;
  unsigned healthy_threshold = 2;
  std::string path = {};  // empty: connecting is enough
  std::string method = "GET";
  std::string host = {};  // empty: the pool's, or the backend's address
  std::vector<TableEntry> headers = {};
  std::vector<std::string> statuses = {};  // "200", "2xx", "200-399"; empty: 2xx
  std::string body = {};                   // empty: any

  bool operator==(const HealthCheck&) const = default;
};

struct Service {
  std::string name;
  HostPort bind;
  std::vector<HostPort> upstreams;
  bool tls = false;
  HealthCheck health_check = {
      .timeout = 500ms, .interval = 5s, .unhealthy_threshold = 1, .healthy_threshold = 1};
  std::vector<std::string> rate_limits;

  bool operator==(const Service&) const = default;
};

// Of TLS towards clients.
struct Certificate {
  std::string name;
  std::string certificate;  // paths of PEM files
  std::string key;
  std::vector<std::string> hosts;  // empty: those that the certificate names itself
  std::string domain = {};         // that asks for it, in a file of domains; empty: none

  bool operator==(const Certificate&) const = default;
};

struct Listener {
  std::string name;
  HostPort address;
  std::vector<std::string> rate_limits = {};

  bool operator==(const Listener&) const = default;
};

struct Backend {
  std::string id;
  HostPort address;
  std::vector<std::string> tags;
  unsigned weight = 1;
  unsigned priority = 0;
  bool backup = false;
  bool drain = false;

  bool operator==(const Backend&) const = default;
};

struct Balance {
  enum Method : std::uint8_t { RoundRobin, LeastRequests, Latency, Random, Hash };

  Method method = RoundRobin;
  std::string hash_by;      // "header:X-User"; empty: not given
  unsigned hash_bound = 0;  // percent; 0: none
  Duration slow_start{};
  unsigned spill_below = 50;  // percent
  unsigned panic_below = 0;   // percent; 0: never

  bool operator==(const Balance&) const = default;
};

// Keeps a client with one backend by a cookie.
struct Sticky {
  enum Secure : std::uint8_t { Auto, Always, Never };

  enum SameSite : std::uint8_t { Lax, Strict, None };

  std::string cookie;             // empty: nothing is kept
  std::vector<std::string> keys;  // "file:keys/sticky"; empty: one by chance
  Duration max_age{};             // 0: until the browser is closed
  std::string path = "/";
  Secure secure = Auto;
  bool http_only = true;
  SameSite same_site = Lax;

  bool operator==(const Sticky&) const = default;
};

struct PassiveHealth {
  unsigned errors = 5;
  unsigned gateway_errors = 5;
  bool compare = false;
  Duration ejection = 30s;
  Duration ejection_max = 5min;
  unsigned ejected_percent_max = 50;

  bool operator==(const PassiveHealth&) const = default;
};

struct Retries {
  unsigned attempts = 2;
  Duration per_try_timeout{};  // 0: none
  std::vector<std::string> statuses;
  bool same_backend = false;
  Duration backoff = 25ms;
  Duration backoff_max = 1s;
  unsigned budget_percent = 20;
  unsigned budget_per_second = 3;
  std::size_t body = std::size_t{64} * 1024;

  bool operator==(const Retries&) const = default;
};

struct CircuitBreaker {
  unsigned failure_threshold = 0;  // 0: there is none
  Duration timeout = 30s;

  bool operator==(const CircuitBreaker&) const = default;
};

struct WaitingRoom {
  unsigned size = 0;  // 0: there is none
  Duration timeout = 5s;

  bool operator==(const WaitingRoom&) const = default;
};

struct AdaptiveLimit {
  unsigned min = 4;
  unsigned max = 0;  // 0: there is none
  Duration window = 1s;

  bool operator==(const AdaptiveLimit&) const = default;
};

struct Pool {
  std::string name;
  std::string host;  // that backends are asked for; empty: the client's
  // Of an entry without port and address, `text` is the id of a Backend.
  std::vector<HostPort> backends;
  std::string tag;
  Balance balance;
  Sticky sticky;
  HealthCheck health_check;
  PassiveHealth passive_health;
  Retries retries;
  CircuitBreaker circuit_breaker;
  std::string fallback;  // the pool that stands in; empty: none
  unsigned concurrency_limit = 0;
  AdaptiveLimit adaptive_limit;
  WaitingRoom queue;
  unsigned backend_concurrency_limit = 0;
  CircuitBreaker backend_circuit_breaker;
  std::size_t max_request_body = 0;
  std::vector<std::string> rate_limits;

  bool operator==(const Pool&) const = default;
};

// Of value, prefix and regex at most one is set; empty: not given.
struct FieldTest {
  std::string name;
  std::string value;
  std::string prefix;
  std::string regex;
  bool present = true;

  bool operator==(const FieldTest&) const = default;
};

// One of them is set.
struct PoolTarget {
  std::string pool;
  std::string tag;

  bool operator==(const PoolTarget&) const = default;

  bool is_set() const noexcept { return !pool.empty() || !tag.empty(); }
};

struct Share {
  PoolTarget target;
  unsigned weight = 1;

  bool operator==(const Share&) const = default;
};

struct Redirect {
  std::string scheme;  // empty, or 0: as in the request
  std::string host;
  unsigned port = 0;
  std::string path;
  unsigned status = 308;

  bool operator==(const Redirect&) const = default;

  bool is_set() const noexcept {
    return !scheme.empty() || !host.empty() || port != 0 || !path.empty();
  }
};

struct Respond {
  unsigned status = 0;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";

  bool operator==(const Respond&) const = default;

  bool is_set() const noexcept { return status != 0; }
};

// Of the paths at most one is set, of the targets exactly one.
struct Route {
  std::string name;
  std::string path;
  std::string path_prefix;
  std::string path_pattern;
  std::string path_regex;
  std::vector<std::string> methods;
  std::vector<std::string> sources;
  std::vector<FieldTest> headers;
  std::vector<FieldTest> query;
  std::vector<FieldTest> cookies;

  PoolTarget target;
  std::vector<Share> split;
  std::string routing_table;
  Redirect redirect;
  Respond respond;
  std::string report;  // "configuration", or empty
  std::vector<std::string> rate_limits;

  bool operator==(const Route&) const = default;
};

// A page's text, or the file that has it. Once it is loaded the text is there, and `file` is empty.
struct PageText {
  std::string file;
  std::string text;

  bool operator==(const PageText&) const = default;
};

struct ErrorPage {
  std::string status;  // "503", or "5xx"
  PageText html;
  PageText json;

  bool operator==(const ErrorPage&) const = default;
};

struct VirtualHost {
  std::string name;
  std::vector<std::string> hosts;
  std::vector<std::string> listeners;  // empty: all
  std::vector<ErrorPage> error_pages;
  std::vector<Route> routes;
  std::vector<std::string> rate_limits;

  bool operator==(const VirtualHost&) const = default;
};

struct RoutingTable {
  std::string name;
  std::string header = "X-Routing-Key";
  std::vector<TableEntry> keys;
  std::string fallback;
  std::vector<std::string> tiers;       // empty: tier1, tier2, tier3
  std::vector<TableEntry> rate_limits;  // by key, which need not be among `keys`

  bool operator==(const RoutingTable&) const = default;
};

struct RateLimit {
  std::string name;
  unsigned requests = 0;
  Duration per = 1s;
  unsigned burst = 0;                 // 0: as many as `requests`
  std::vector<std::string> key = {};  // "address", "header:X-Api-Key"; empty: all requests together
  unsigned ipv4_prefix = 32;
  unsigned ipv6_prefix = 64;
  unsigned entries = 100'000;
  bool dry_run = false;
  bool headers = false;

  bool operator==(const RateLimit&) const = default;
};

struct TestCase {
  std::string name;
  std::string method = "GET";
  std::string url;
  std::vector<TableEntry> headers;
  std::string from;
  std::string listener;

  struct Expect {
    std::string virtual_host;
    std::string route;
    std::string pool;
    unsigned status = 0;
    std::string location;
    std::vector<TableEntry> headers;
    std::string reason;

    bool operator==(const Expect&) const = default;
  } expect;

  bool operator==(const TestCase&) const = default;
};

struct AccessLog {
  enum Format : std::uint8_t { Json, Text, Combined, Cells };

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

// What operators ask the process. Without an address of its own it is where the metrics are.
struct Admin {
  HostPort listen;

  bool is_apart() const noexcept { return !listen.text.empty(); }
};

struct Server {
  unsigned workers = 0;  // 0: one a CPU
  bool pin_workers = true;
  std::vector<std::string> trusted_proxies;  // CIDR, checked
  std::string congestion_control;            // empty: the kernel's default
  int backlog = 4096;
  bool watch_config = false;
  std::string state_dir;
  unsigned versions_kept = 50;
  Duration watchdog_abort = 5s;       // 0: never
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
  Admin admin;
  std::string version;            // what the file calls itself; empty: it does not
  std::vector<Service> services;  // as written: what they stand for is in the lists below
  // Lists that may grow while places (config/places.h) remember where their items are.
  std::deque<Certificate> certificates;
  std::deque<Listener> listeners;
  std::deque<VirtualHost> virtual_hosts;
  std::deque<Pool> pools;
  std::deque<Backend> backends;
  HealthCheck tag_health;  // of pools that are made for a tag
  std::deque<RoutingTable> routing_tables;
  std::vector<ErrorPage> error_pages;  // where a virtual host has none of its own
  std::deque<RateLimit> rate_limits;
  std::vector<TestCase> tests;
};

}  // namespace cirque::config
