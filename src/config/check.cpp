#include "config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.h"
#include "config/values.h"

namespace cirque::config {
namespace {

std::string in_service(std::size_t i, std::string_view key) {
  return fmt::format("services[{}].{}", i, key);
}

// "localhost" is the loopback address on every machine that deserves the name.
std::string listening_key(const HostPort& at) {
  if (base::equal_fold(at.host, "localhost")) return fmt::format("127.0.0.1:{}", at.port);
  return at.address ? at.address->text() : base::lowered(at.text);
}

bool is_any(const Address& address) {
  return address.is_ip() && std::ranges::all_of(address.ip(), [](auto byte) { return byte == 0; });
}

bool is_loopback(const HostPort& at) {
  return at.address ? at.address->is_loopback() : base::equal_fold(at.host, "localhost");
}

// Would a connection to `upstream` arrive at `bind`?
bool leads_back(const HostPort& upstream, const HostPort& bind) {
  if (upstream.port != bind.port) return false;
  if (listening_key(upstream) == listening_key(bind)) return true;
  bool on_all = bind.address && is_any(*bind.address);
  if (!on_all || !is_loopback(upstream)) return false;
  return !upstream.address || upstream.address->family() == bind.address->family();
}

class Check {
 public:
  Check(const Model& model, const Places& places, Report& report)
      : model_(model), places_(places), report_(report) {}

  void run() {
    check_names();
    check_listeners();
    for (std::size_t i = 0; i < model_.services.size(); ++i) check_service(i);
    check_limits();
    check_timeouts();
    check_log_path("logging.", model_.logging.output, model_.logging.path);
    check_log_path("logging.access.", model_.logging.access.output, model_.logging.access.path);
    check_trust();
  }

 private:
  // Null: not given, or reported already.
  const Spot* place(std::string_view path) const {
    auto found = places_.find(path);
    return found == places_.end() ? nullptr : &found->second;
  }

  Finding& add(Code code, std::string path, std::string message) {
    auto found = place(path);
    return report_.add(code, found ? *found : Spot{}, std::move(path), std::move(message));
  }

  void check_names() {
    std::map<std::string_view, Spot> seen;
    for (std::size_t i = 0; i < model_.services.size(); ++i) {
      auto path = in_service(i, "name");
      const auto* spot = place(path);
      if (!spot) continue;
      std::string_view name = model_.services[i].name;
      auto [first, is_new] = seen.emplace(name, *spot);
      if (is_new) continue;
      add(Code::DuplicateService, path,
          fmt::format("two services are called '{}'; the first is on line {}", name,
                      first->second.line))
          .expected = "a name of its own for every service";
    }
  }

  void check_listeners() {
    std::map<std::string, Spot> seen;
    auto visit = [&](const HostPort& at, const std::string& path) {
      const auto* spot = place(path);
      bool is_chosen_by_kernel = at.port == 0 && !(at.address && !at.address->is_ip());
      if (!spot || is_chosen_by_kernel) return;
      auto [first, is_new] = seen.emplace(listening_key(at), *spot);
      if (is_new) return;
      add(Code::DuplicateBind, path,
          fmt::format("{} is taken already; the first is on line {}", at.text, first->second.line))
          .expected = "an address of its own for every listener";
    };
    for (std::size_t i = 0; i < model_.services.size(); ++i) {
      visit(model_.services[i].bind, in_service(i, "bind_address"));
    }
    if (!model_.metrics.enabled) return;
    visit(model_.metrics.listen, "metrics.listen");
    const auto* spot = place("metrics.listen");
    if (!spot) {
      check_default_metrics_address(seen);
    } else if (!is_loopback(model_.metrics.listen)) {
      add(Code::OpenMetrics, "metrics.listen",
          fmt::format("metrics are served on {}, beyond this machine", model_.metrics.listen.text))
          .hint = "listen on 127.0.0.1 or a unix socket, or let a firewall guard the port";
    }
  }

  // The file does not mention metrics, and yet they take an address.
  void check_default_metrics_address(const std::map<std::string, Spot>& seen) {
    auto found = seen.find(listening_key(model_.metrics.listen));
    if (found == seen.end()) return;
    report_
        .add(Code::DuplicateBind, found->second, "metrics.listen",
             fmt::format("{} is where metrics are served", model_.metrics.listen.text))
        .hint = "give metrics.listen another address";
  }

  void check_service(std::size_t i) {
    const auto& service = model_.services[i];
    if (place(in_service(i, "upstreams")) && service.upstreams.empty()) {
      add(Code::NoUpstreams, in_service(i, "upstreams"),
          fmt::format("Service '{}' has no defined upstreams.", service.name))
          .expected = "at least one address, such as 127.0.0.1:3000";
    }
    if (service.tls && place(in_service(i, "tls"))) {
      add(Code::UpstreamTls, in_service(i, "tls"), "TLS towards the upstream is not supported yet")
          .expected = "false, until a coming version";
    }
    check_upstreams(i);
    check_health(i);
  }

  void check_upstreams(std::size_t i) {
    const auto& service = model_.services[i];
    bool knows_bind = place(in_service(i, "bind_address")) != nullptr;
    std::set<std::string> seen;
    for (std::size_t k = 0; k < service.upstreams.size(); ++k) {
      const auto& upstream = service.upstreams[k];
      auto path = in_service(i, fmt::format("upstreams[{}]", k));
      if (!place(path)) continue;
      if (knows_bind && leads_back(upstream, service.bind)) {
        add(Code::ProxyLoop, path,
            fmt::format("'{}' would send its requests to itself: {} is where it listens",
                        service.name, upstream.text))
            .expected = "the address of a backend";
      }
      if (!seen.insert(listening_key(upstream)).second) {
        add(Code::DuplicateUpstream, path,
            fmt::format("{} is in the list already, and gets a double share", upstream.text));
      }
    }
  }

  void check_health(std::size_t i) {
    const auto& health = model_.services[i].health_check;
    if (health.timeout < health.interval) return;
    auto timeout = in_service(i, "health_check.timeout_ms");
    auto path = place(timeout) ? timeout : in_service(i, "health_check.frequency_secs");
    if (!place(path)) return;
    add(Code::SlowHealthCheck, path,
        fmt::format("a check may take {}, and the next is due after {}", text_of(health.timeout),
                    text_of(health.interval)))
        .expected = "a time-out shorter than the frequency";
  }

  void check_limits() {
    const auto& limits = model_.limits;
    must_fit("limits.field_bytes", limits.field_bytes, "a field");
    must_fit("limits.target_bytes", limits.target_bytes, "a request target");
    const auto* idle = place("limits.upstream_idle");
    if (idle && limits.upstream_idle > limits.upstream_connections) {
      add(Code::LimitsContradict, "limits.upstream_idle",
          fmt::format("{} connections are kept idle, but only {} are allowed at all",
                      limits.upstream_idle, limits.upstream_connections))
          .expected = "at most limits.upstream_connections";
    }
  }

  void must_fit(const std::string& path, std::size_t bytes, std::string_view what) {
    auto head = model_.limits.head_bytes;
    if (bytes <= head) return;
    bool by_default =
        !place(path);  // a small head_bytes alone is meant for the parts of a head, too
    if (by_default) return;
    add(Code::LimitsContradict, path,
        fmt::format("{} of {} cannot be in a head of {}", what, size_text(bytes), size_text(head)))
        .expected = "at most limits.head_bytes";
  }

  // A wait that lasts longer than all waits together never ends by itself.
  void check_timeouts() {
    const auto& t = model_.timeouts;
    const std::array<std::pair<const char*, Duration>, 6> parts = {
        {{"timeouts.client_body", t.client_body},
         {"timeouts.client_write", t.client_write},
         {"timeouts.upstream_connect", t.upstream_connect},
         {"timeouts.upstream_header", t.upstream_header},
         {"timeouts.upstream_idle", t.upstream_idle},
         {"timeouts.client_header", t.client_header}}};
    for (const auto& [path, duration] : parts) {
      if (duration <= t.request_total || !place(path)) continue;
      add(Code::TimeoutsContradict, path,
          fmt::format("{} is never reached: timeouts.request_total ends the request after {}",
                      text_of(duration), text_of(t.request_total)));
    }
  }

  void check_log_path(std::string_view prefix, const std::string& output, const std::string& path) {
    auto output_path = fmt::format("{}output", prefix);
    auto path_path = fmt::format("{}path", prefix);
    if (output == "file" && path.empty() && place(output_path)) {
      add(Code::NoLogPath, output_path,
          fmt::format("output is a file, but {} is not given", path_path))
          .hint = fmt::format("add path: /var/log/cirque/{}.log",
                              prefix == "logging." ? "cirque" : "access");
    }
    if (output != "file" && place(path_path)) {
      add(Code::UnusedPath, path_path,
          fmt::format("nothing is written there: output is {}", output))
          .hint = "add output: file";
    }
  }

  void check_trust() {
    const auto& networks = model_.server.trusted_proxies;
    for (std::size_t i = 0; i < networks.size(); ++i) {
      if (!networks[i].ends_with("/0")) continue;
      add(Code::TrustsEverybody, fmt::format("server.trusted_proxies[{}]", i),
          fmt::format("{} is everybody: any client can claim to be any other", networks[i]))
          .expected = "the addresses of the proxies in front of this one";
    }
  }

  const Model& model_;
  const Places& places_;
  Report& report_;
};

}  // namespace

void check(const Model& model, const Places& places, Report& report) {
  Check(model, places, report).run();
}

}  // namespace cirque::config
