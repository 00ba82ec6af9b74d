#include "config/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "config/options.h"
#include "config/values.h"

namespace cirque::config {
namespace {

constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kHour = 3600 * kSecond;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr std::uint64_t kKilo = 1024;
constexpr std::uint64_t kMega = 1024 * kKilo;

// 10 ms is less than any network needs, and enough for a test that must not wait.
constexpr std::uint64_t kShort = 10;

// NOLINTNEXTLINE(bugprone-macro-parentheses): a lambda's parameters cannot have any
#define IN(place) +[](Model& m, [[maybe_unused]] std::size_t i) -> auto& { return (place); }

const Option kOptions[] = {
    {.path = "services",
     .type = Type::List,
     .slot = {},
     .doc = "The proxies that this process runs, each on its own address.",
     .need = Need::Required,
     .also = "service servers proxies virtual_hosts listeners"},
    {.path = "services[].name",
     .type = Type::Name,
     .slot = IN(m.services[i].name),
     .min = 1,
     .max = 64,
     .doc = "What the service is called in logs and metrics. No two services share a name.",
     .example = "admin-portal",
     .need = Need::Required,
     .also = "id service service_name"},
    {.path = "services[].bind_address",
     .type = Type::Listen,
     .slot = IN(m.services[i].bind),
     .doc = "Where the service listens: an IPv4 or IPv6 address or a name, with a port, or a unix "
            "socket. "
            "[::]:80 listens on IPv6 alone.",
     .example = "0.0.0.0:6188",
     .need = Need::Required,
     .also = "listen address bind port listen_address addr"},
    {.path = "services[].upstreams",
     .type = Type::Connect,
     .slot = IN(m.services[i].upstreams),
     .doc = "The backends that take turns (round robin over the healthy ones). All addresses of a "
            "name "
            "are used, and the name is resolved again every timeouts.dns_refresh.",
     .example = "['127.0.0.1:3002', 'app.internal:8080']",
     .need = Need::Required,
     .also = "backends servers targets upstream backend hosts"},
    {.path = "services[].tls",
     .type = Type::Flag,
     .slot = IN(m.services[i].tls),
     .doc = "TLS towards the upstreams. Not supported yet: true is an error.",
     .example = "false",
     .also = "ssl use_tls https"},
    {.path = "services[].health_check",
     .type = Type::Map,
     .slot = {},
     .doc =
         "A TCP connection is opened to every upstream from time to time; one that does not answer "
         "gets no requests until it does. All upstreams are checked, with these defaults too.",
     .also = "health healthcheck"},
    {.path = "services[].health_check.timeout_ms",
     .type = Type::Milliseconds,
     .slot = IN(m.services[i].health_check.timeout),
     .min = 100,
     .max = 10'000,
     .doc = "How long a check may take, in milliseconds.",
     .example = "500",
     .also = "timeout"},
    {.path = "services[].health_check.frequency_secs",
     .type = Type::Seconds,
     .slot = IN(m.services[i].health_check.interval),
     .min = 1 * kSecond,
     .max = 60 * kSecond,
     .doc = "The time from one check to the next, in seconds.",
     .example = "5",
     .also = "interval frequency interval_secs every"},
    {.path = "services[].health_check.unhealthy_threshold",
     .type = Type::Number,
     .slot = IN(m.services[i].health_check.unhealthy_threshold),
     .min = 1,
     .max = 100,
     .doc = "So many checks in a row must fail before the upstream is taken out.",
     .example = "3",
     .also = "fall failures"},
    {.path = "services[].health_check.healthy_threshold",
     .type = Type::Number,
     .slot = IN(m.services[i].health_check.healthy_threshold),
     .min = 1,
     .max = 100,
     .doc = "So many checks in a row must succeed before it is back.",
     .example = "2",
     .also = "rise passes successes"},

    {.path = "server",
     .type = Type::Map,
     .slot = {},
     .doc = "The process.",
     .also = "global process main"},
    {.path = "server.workers",
     .type = Type::Number,
     .slot = IN(m.server.workers),
     .min = 0,
     .max = 1024,
     .doc =
         "Threads that serve requests, each with its own event loop. 0: one a CPU. The environment "
         "variable WORKER_THREADS and --workers go before it.",
     .example = "4",
     .also = "worker_threads threads worker_processes concurrency nbthread"},
    {.path = "server.pin_workers",
     .type = Type::Flag,
     .slot = IN(m.server.pin_workers),
     .doc = "Keep every worker on a CPU of its own.",
     .example = "true",
     .also = "cpu_affinity pin"},
    {.path = "server.watch_config",
     .type = Type::Flag,
     .slot = IN(m.server.watch_config),
     .doc = "Read the configuration again whenever the file says something else: written in place, "
            "replaced, or reached through a link that was swapped.",
     .example = "true",
     .also = "watch auto_reload reload_on_change"},
    {.path = "server.trusted_proxies",
     .type = Type::Networks,
     .slot = IN(m.server.trusted_proxies),
     .doc = "The proxies in front of this one: addresses and blocks whose X-Forwarded-* fields are "
            "believed.",
     .example = "['10.0.0.0/8', '::1']",
     .also = "set_real_ip_from trusted_ips"},
    {.path = "server.dns_servers",
     .type = Type::NameServers,
     .slot = IN(m.server.dns_servers),
     .doc = "Who is asked for the names of upstreams that /etc/hosts does not have, each with port "
            "53 unless it is given. The servers of /etc/resolv.conf when not given.",
     .example = "['10.0.0.53', '127.0.0.1:5353']",
     .also = "resolver resolvers nameservers nameserver dns"},
    {.path = "server.congestion_control",
     .type = Type::Name,
     .slot = IN(m.server.congestion_control),
     .min = 1,
     .max = 15,
     .doc = "The TCP congestion control of all connections, if the kernel has it. The kernel's "
            "default "
            "when not given.",
     .example = "bbr"},
    {.path = "server.backlog",
     .type = Type::Number,
     .slot = IN(m.server.backlog),
     .min = 1,
     .max = 65'535,
     .doc = "Connections that may wait in the kernel until a worker accepts them. The kernel cuts "
            "it down "
            "to net.core.somaxconn.",
     .example = "4096"},

    {.path = "timeouts",
     .type = Type::Map,
     .slot = {},
     .doc = "How long to wait for whom. Every one is finite.",
     .also = "timeout"},
    {.path = "timeouts.client_header",
     .type = Type::Duration,
     .slot = IN(m.timeouts.client_header),
     .min = kShort,
     .max = kHour,
     .doc = "A client has this long to send the whole head of a request, from its first byte. Then "
            "408.",
     .example = "15s",
     .also = "client_header_timeout http-request read_header_timeout"},
    {.path = "timeouts.client_body",
     .type = Type::Duration,
     .slot = IN(m.timeouts.client_body),
     .min = kShort,
     .max = kDay,
     .doc = "The longest silence while a client sends a body. Once so much time has been spent "
            "waiting for it in all, it must have come at limits.body_rate.",
     .example = "30s",
     .also = "client_body_timeout"},
    {.path = "timeouts.client_write",
     .type = Type::Duration,
     .slot = IN(m.timeouts.client_write),
     .min = kShort,
     .max = kDay,
     .doc = "A client that takes no byte of its answer for so long is given up.",
     .example = "60s",
     .also = "send_timeout"},
    {.path = "timeouts.client_idle",
     .type = Type::Duration,
     .slot = IN(m.timeouts.client_idle),
     .min = kShort,
     .max = kDay,
     .doc = "A connection without a request is kept open so long.",
     .example = "75s",
     .also = "keepalive_timeout keepalive http-keep-alive idle_timeout"},
    {.path = "timeouts.client_age",
     .type = Type::Duration,
     .slot = IN(m.timeouts.client_age),
     .min = kShort,
     .max = 365 * kDay,
     .doc = "A connection older than this is closed after the answer in progress.",
     .example = "1h",
     .also = "keepalive_time max_connection_duration"},
    {.path = "timeouts.half_close",
     .type = Type::Duration,
     .slot = IN(m.timeouts.half_close),
     .min = kShort,
     .max = kHour,
     .doc = "A client that has closed its sending side may still wait this long for its answer.",
     .example = "1s"},
    {.path = "timeouts.upstream_connect",
     .type = Type::Duration,
     .slot = IN(m.timeouts.upstream_connect),
     .min = kShort,
     .max = kHour,
     .doc = "An upstream has this long to accept a connection. Then the next one is tried.",
     .example = "2s",
     .also = "connect connect_timeout proxy_connect_timeout"},
    {.path = "timeouts.upstream_header",
     .type = Type::Duration,
     .slot = IN(m.timeouts.upstream_header),
     .min = kShort,
     .max = kDay,
     .doc = "From the end of the request to the head of its answer. Then 504.",
     .example = "60s",
     .also = "proxy_read_timeout server response"},
    {.path = "timeouts.upstream_idle",
     .type = Type::Duration,
     .slot = IN(m.timeouts.upstream_idle),
     .min = kShort,
     .max = kDay,
     .doc = "The longest silence within the body of an answer.",
     .example = "60s"},
    {.path = "timeouts.upstream_keepalive",
     .type = Type::Duration,
     .slot = IN(m.timeouts.upstream_keepalive),
     .min = kShort,
     .max = kDay,
     .doc = "An idle connection to an upstream is kept so long. Less when the upstream closes "
            "earlier: the "
            "pool learns that.",
     .example = "30s"},
    {.path = "timeouts.request_total",
     .type = Type::Duration,
     .slot = IN(m.timeouts.request_total),
     .min = kShort,
     .max = 365 * kDay,
     .doc = "A request with its answer may take this long altogether.",
     .example = "24h",
     .also = "request request_timeout total"},
    {.path = "timeouts.tunnel_idle",
     .type = Type::Duration,
     .slot = IN(m.timeouts.tunnel_idle),
     .min = kShort,
     .max = 365 * kDay,
     .doc = "The longest silence in both directions of a WebSocket or another tunnel.",
     .example = "1h",
     .also = "tunnel websocket"},
    {.path = "timeouts.drain",
     .type = Type::Duration,
     .slot = IN(m.timeouts.drain),
     .min = 0,
     .max = kDay,
     .doc = "At a graceful stop, requests in progress have this long to end.",
     .example = "30s",
     .also = "graceful_timeout graceful_shutdown shutdown grace_period hard-stop-after"},
    {.path = "timeouts.dns_refresh",
     .type = Type::Duration,
     .slot = IN(m.timeouts.dns_refresh),
     .min = 100,
     .max = kDay,
     .doc = "The names of upstreams are resolved again after this time.",
     .example = "10s"},

    {.path = "limits",
     .type = Type::Map,
     .slot = {},
     .doc = "How much is too much.",
     .also = "limit"},
    {.path = "limits.head_bytes",
     .type = Type::Size,
     .slot = IN(m.limits.head_bytes),
     .min = 1 * kKilo,
     .max = 1 * kMega,
     .doc = "The head of a request or answer as a whole. A larger request gets 431.",
     .example = "32k",
     .also = "large_client_header_buffers header_bytes max_header_bytes"},
    {.path = "limits.field_bytes",
     .type = Type::Size,
     .slot = IN(m.limits.field_bytes),
     .min = 256,
     .max = 1 * kMega,
     .doc = "One line of a head. Longer: 431.",
     .example = "16k"},
    {.path = "limits.fields",
     .type = Type::Number,
     .slot = IN(m.limits.fields),
     .min = 8,
     .max = 4096,
     .doc = "The number of fields in a head. More: 431.",
     .example = "128",
     .also = "max_headers headers header_count"},
    {.path = "limits.target_bytes",
     .type = Type::Size,
     .slot = IN(m.limits.target_bytes),
     .min = 256,
     .max = 1 * kMega,
     .doc = "The request target (path and query). Longer: 414.",
     .example = "16k",
     .also = "uri_bytes url_bytes"},
    {.path = "limits.requests_per_connection",
     .type = Type::Number,
     .slot = IN(m.limits.requests_per_connection),
     .min = 1,
     .max = 1'000'000'000,
     .doc = "A client's connection is closed after so many requests.",
     .example = "10000",
     .also = "keepalive_requests"},
    {.path = "limits.connections",
     .type = Type::Number,
     .slot = IN(m.limits.connections),
     .min = 0,
     .max = 10'000'000,
     .doc = "Clients connected at one time, in the whole process. 0: as many as the "
            "file-descriptor limit "
            "has room for.",
     .example = "50000",
     .also = "max_connections maxconn worker_connections"},
    {.path = "limits.upstream_connections",
     .type = Type::Number,
     .slot = IN(m.limits.upstream_connections),
     .min = 1,
     .max = 1'000'000,
     .doc = "Connections to one upstream at one time, in the whole process.",
     .example = "1024",
     .also = "max_conns"},
    {.path = "limits.upstream_idle",
     .type = Type::Number,
     .slot = IN(m.limits.upstream_idle),
     .min = 0,
     .max = 100'000,
     .doc = "Idle connections that every worker keeps for one upstream.",
     .example = "256",
     .also = "keepalive pool_size"},
    {.path = "limits.drain_bytes",
     .type = Type::Size,
     .slot = IN(m.limits.drain_bytes),
     .min = 0,
     .max = 64 * kMega,
     .doc = "When a request is answered before its body was read, so much of the body is read and "
            "thrown "
            "away to keep the connection. With more to come, it is closed.",
     .example = "64k"},
    {.path = "limits.body_rate",
     .type = Type::Number,
     .slot = IN(m.limits.body_rate),
     .min = 0,
     .max = 1'000'000'000,
     .doc = "The least that a request body may bring on average, in bytes a second, once the waits "
            "for "
            "it add up to timeouts.client_body: bodies that drip are ended. 0: no matter how slow; "
            "for streams in both directions that are silent for long.",
     .example = "240",
     .also = "min_rate minimum_rate body_bytes_per_second min_data_rate"},

    {.path = "logging",
     .type = Type::Map,
     .slot = {},
     .doc = "The application log and, under `access`, the access log.",
     .also = "log logs"},
    {.path = "logging.level",
     .type = Type::Choice,
     .slot = IN(m.logging.level),
     .doc = "The least important events that are written. CIRQUE_LOG, RUST_LOG and --log-level go "
            "before it.",
     .example = "info",
     .choices = "trace debug info warn error",
     .also = "log_level"},
    {.path = "logging.format",
     .type = Type::Choice,
     .slot = IN(m.logging.format),
     .doc = "Lines for people, or JSON for programs.",
     .example = "json",
     .choices = "text json"},
    {.path = "logging.output",
     .type = Type::Choice,
     .slot = IN(m.logging.output),
     .doc = "Where the application log goes.",
     .example = "stderr",
     .choices = "stderr file"},
    {.path = "logging.path",
     .type = Type::Path,
     .slot = IN(m.logging.path),
     .min = 1,
     .max = 4095,
     .doc = "The file, with output: file. SIGUSR1 opens it anew, for log rotation.",
     .example = "/var/log/cirque/cirque.log",
     .also = "file filename"},
    {.path = "logging.access",
     .type = Type::Map,
     .slot = {},
     .doc = "One line a request.",
     .also = "access_log"},
    {.path = "logging.access.enabled",
     .type = Type::Flag,
     .slot = IN(m.logging.access.enabled),
     .doc = "Write the access log.",
     .example = "true",
     .also = "enable on"},
    {.path = "logging.access.format",
     .type = Type::Choice,
     .slot = IN(m.logging.access.format),
     .doc = "JSON, a line for people, or the combined format of Apache and nginx.",
     .example = "combined",
     .choices = "json text combined"},
    {.path = "logging.access.output",
     .type = Type::Choice,
     .slot = IN(m.logging.access.output),
     .doc = "Where the access log goes.",
     .example = "stdout",
     .choices = "stdout stderr file"},
    {.path = "logging.access.path",
     .type = Type::Path,
     .slot = IN(m.logging.access.path),
     .min = 1,
     .max = 4095,
     .doc = "The file, with output: file. SIGUSR1 opens it anew, for log rotation.",
     .example = "/var/log/cirque/access.log",
     .also = "file filename"},

    {.path = "metrics",
     .type = Type::Map,
     .slot = {},
     .doc = "Prometheus metrics at /metrics, and /healthz and /readyz beside them.",
     .also = "prometheus monitoring"},
    {.path = "metrics.enabled",
     .type = Type::Flag,
     .slot = IN(m.metrics.enabled),
     .doc = "Serve them.",
     .example = "true",
     .also = "enable on"},
    {.path = "metrics.listen",
     .type = Type::Listen,
     .slot = IN(m.metrics.listen),
     .doc =
         "Where. Metrics tell a lot about what runs behind the proxy: keep them from the public.",
     .example = "127.0.0.1:9090",
     .also = "bind_address address bind port"},
};

#undef IN

// Without what people vary: case, dashes, underscores.
std::string bare(std::string_view key) {
  auto out = base::lowered(key);
  std::erase_if(out, [](char c) { return c == '-' || c == '_' || c == ' '; });
  return out;
}

bool goes_by(const Option& option, std::string_view key) {
  auto wanted = bare(key);
  return bare(option.key()) == wanted || std::ranges::any_of(words_of(option.also), [&](auto word) {
           return bare(word) == wanted;
         });
}

// Two slips of the pen in a word of usual length, one in a short one.
std::size_t tolerance(std::string_view word) {
  return word.size() < 4 ? 1 : 2;
}

const Option* closest(std::span<const Option* const> among, std::string_view key) {
  const Option* nearest = nullptr;
  auto distance = tolerance(key) + 1;
  for (const auto* option : among) {
    auto d = base::edit_distance(key, option->key());
    if (d >= distance) continue;
    distance = d;
    nearest = option;
  }
  return nearest;
}

struct Printed {
  std::string operator()(std::monostate) const { return {}; }

  template <class T>
  std::string operator()(In<T> slot) const {
    Model model;
    model.services.emplace_back();
    return show(slot(model, 0));
  }

  std::string show(bool flag) const { return flag ? "true" : "false"; }

  std::string show(unsigned number) const { return fmt::format("{}", number); }

  std::string show(int number) const { return fmt::format("{}", number); }

  std::string show(std::size_t number) const {
    return option.type == Type::Size ? size_text(number) : fmt::format("{}", number);
  }

  std::string show(Duration duration) const {
    if (option.type == Type::Milliseconds) return fmt::format("{}", duration / 1ms);
    if (option.type == Type::Seconds) return fmt::format("{}", duration / 1s);
    return text_of(duration);
  }

  std::string show(const std::string& text) const { return text; }

  std::string show(const HostPort& address) const { return address.text; }

  std::string show(const std::vector<HostPort>&) const { return {}; }

  std::string show(const std::vector<std::string>&) const { return {}; }

  template <class E>
    requires std::is_enum_v<E>
  std::string show(E choice) const {
    return std::string(words_of(option.choices).at(static_cast<std::size_t>(choice)));
  }

  const Option& option;
};

std::string amount_text(const Option& option, std::uint64_t amount) {
  switch (option.type) {
    case Type::Duration:
      return text_of(Duration(std::chrono::milliseconds(amount)));
    case Type::Seconds:
      return fmt::format("{}", amount / kSecond);
    case Type::Size:
      return size_text(amount);
    default:
      return fmt::format("{}", amount);
  }
}

}  // namespace

std::string_view Option::parent() const noexcept {
  auto dot = path.rfind('.');
  return dot == path.npos ? std::string_view() : path.substr(0, dot);
}

std::string_view Option::key() const noexcept {
  return path.substr(path.rfind('.') + 1);
}

std::span<const Option> options() {
  return kOptions;
}

const Option* option_at(std::string_view path) {
  static const auto kByPath = [] {
    std::map<std::string_view, const Option*> by_path;
    for (const auto& option : kOptions) by_path.emplace(option.path, &option);
    return by_path;
  }();
  auto found = kByPath.find(path);
  return found == kByPath.end() ? nullptr : found->second;
}

std::vector<const Option*> children_of(std::string_view parent) {
  std::vector<const Option*> children;
  for (const auto& option : kOptions) {
    if (option.parent() == parent) children.push_back(&option);
  }
  return children;
}

std::string nearest_key(std::string_view parent, std::string_view key) {
  auto siblings = children_of(parent);
  auto find = [](const auto& among, auto fits) -> const Option* {
    auto found = std::ranges::find_if(among, fits);
    return found == among.end() ? nullptr : *found;
  };
  auto same = [&](const Option* o) { return bare(o->key()) == bare(key); };
  auto alias = [&](const Option* o) { return goes_by(*o, key); };

  if (const auto* o = find(siblings, same)) return std::string(o->key());
  if (const auto* o = closest(siblings, key)) return std::string(o->key());
  if (const auto* o = find(siblings, alias)) return std::string(o->key());
  std::vector<const Option*> all;  // right, but in the wrong place
  for (const auto& option : kOptions) all.push_back(&option);
  if (const auto* o = find(all, same)) return std::string(o->path);
  if (const auto* o = find(all, alias)) return std::string(o->path);
  if (const auto* o = closest(all, key)) return std::string(o->path);
  return {};
}

std::string_view nearest_choice(const Option& option, std::string_view text) {
  static const std::map<std::string_view, std::string_view> kElsewhere = {
      {"warning", "warn"},    {"err", "error"},   {"fatal", "error"}, {"critical", "error"},
      {"verbose", "debug"},   {"notice", "info"}, {"plain", "text"},  {"console", "stderr"},
      {"common", "combined"}, {"human", "text"},  {"pretty", "text"}};
  auto word = base::lowered(text);
  auto choices = words_of(option.choices);
  auto elsewhere = kElsewhere.find(word);
  bool is_known = elsewhere != kElsewhere.end();
  if (is_known && std::ranges::find(choices, elsewhere->second) != choices.end()) {
    return elsewhere->second;
  }
  std::string_view nearest;
  auto distance = tolerance(word) + 1;
  for (auto choice : choices) {
    auto d = base::edit_distance(word, choice);
    if (d < distance) {
      distance = d;
      nearest = choice;
    }
  }
  return nearest;
}

std::string bounds_of(const Option& option) {
  switch (option.type) {
    case Type::Number:
    case Type::Duration:
    case Type::Milliseconds:
    case Type::Seconds:
    case Type::Size:
      return fmt::format("{} to {}", amount_text(option, option.min),
                         amount_text(option, option.max));
    case Type::Text:
    case Type::Name:
    case Type::Path:
      return fmt::format("{} to {} bytes", option.min, option.max);
    default:
      return {};
  }
}

std::string expected_of(const Option& option) {
  auto such_as = [&](std::string_view what) {
    return fmt::format("{}, such as {}", what, option.example);
  };
  switch (option.type) {
    case Type::Map:
      return "a map of keys and values";
    case Type::List:
      return "a list of maps, each item starting with '-'";
    case Type::Flag:
      return "true or false";
    case Type::Number:
      return fmt::format("a whole number, {}", bounds_of(option));
    case Type::Milliseconds:
      return fmt::format("a whole number of milliseconds, {}", bounds_of(option));
    case Type::Seconds:
      return fmt::format("a whole number of seconds, {}", bounds_of(option));
    case Type::Duration: {
      auto what = such_as("a duration with its unit (ms, s, m, h, d)");
      return fmt::format("{}; {}", what, bounds_of(option));
    }
    case Type::Size: {
      auto what = such_as("a number of bytes, with k, m or g for 1024 and its powers");
      return fmt::format("{}; {}", what, bounds_of(option));
    }
    case Type::Text:
      return such_as("a text");
    case Type::Name:
      return such_as("a name without spaces");
    case Type::Path:
      return such_as("the path of a file");
    case Type::Choice:
      return fmt::format("one of {}", fmt::join(words_of(option.choices), ", "));
    case Type::Listen:
      return "an address and a port to listen on: 0.0.0.0:8080, '[::1]:8080', localhost:8080, or "
             "unix:/run/app.sock";
    case Type::Connect:
      return "a list of addresses with ports, such as ['127.0.0.1:3000']";
    case Type::Networks:
      return "a list of IP addresses and blocks, such as ['10.0.0.0/8']";
    case Type::NameServers:
      return "a list of IP addresses, with a port unless it is 53, such as ['10.0.0.53']";
  }
  return {};
}

std::string expected_item_of(const Option& option) {
  if (option.type == Type::Connect) {
    return "an address and a port: 127.0.0.1:3000, '[::1]:3000', app.internal:3000, or "
           "unix:/run/app.sock";
  }
  if (option.type == Type::Networks) return "an IP address or a block, such as 10.0.0.0/8";
  if (option.type == Type::NameServers) {
    return "an IP address, with a port unless it is 53: 10.0.0.53, 127.0.0.1:5353, '::1'";
  }
  return expected_of(option);
}

std::string default_of(const Option& option) {
  if (option.need == Need::Required) return {};
  return std::visit(Printed{option}, option.slot);
}

std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> words;
  while (!list.empty()) {
    auto space = list.find(' ');
    words.push_back(list.substr(0, space));
    list.remove_prefix(space == list.npos ? list.size() : space + 1);
  }
  return words;
}

}  // namespace cirque::config
