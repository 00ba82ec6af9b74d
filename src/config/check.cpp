#include "config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "config/critic.h"
#include "config/values.h"

namespace cirque::config {
namespace {

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

class Check : Critic {
 public:
  Check(const Model& model, const Places& places, Report& report, const Surroundings* here)
      : Critic(places, report), model_(model), here_(here) {}

  void run() {
    check_presence();
    check_listeners();
    for (const auto& service : model_.services) check_service(service);
    for (std::size_t i = 0; i < model_.pools.size(); ++i) check_pool(i);
    check_limits();
    check_timeouts();
    check_log_path(model_.logging.output, model_.logging.path, "logging.", "cirque");
    check_log_path(model_.logging.access.output, model_.logging.access.path, "logging.access.",
                   "access");
    check_trust();
    if (here_) check_here();
  }

 private:
  // Null: not given, or reported already.
  const Spot* place(const auto& field) const { return places_.at(&field); }

  // It has no place, and yet its default may not be what is meant: the value is wrong, or stands
  // in a file that could not be read.
  bool may_be_written(const auto& field, std::string_view path) const {
    if (place(field)) return false;
    return report_.is_partial() || report_.has_errors_under(path);
  }

  void check_presence() {
    if (!model_.listeners.empty() || report_.has_errors()) return;
    report_.add(Code::NoServices, {1, 1, 1}, {}, "the file has neither services nor listeners")
        .expected = "services: and a list of them, or listeners, virtual_hosts and pools";
  }

  bool is_service(std::size_t pool) const {
    return pool >= model_.pools.size() - model_.services.size();
  }

  void check_listeners() {
    std::map<std::string, Spot> seen;
    auto visit = [&](const HostPort& at) {
      const auto* spot = place(at);
      bool is_chosen_by_kernel = at.port == 0 && !(at.address && !at.address->is_ip());
      if (!spot || is_chosen_by_kernel) return;
      auto [first, is_new] = seen.emplace(listening_key(at), *spot);
      if (is_new) return;
      add(Code::DuplicateBind, at,
          fmt::format("{} is taken already; the first is {}", at.text,
                      report_.where(first->second, *spot)))
          .expected = "an address of its own for every listener";
    };
    for (const auto& listener : model_.listeners) visit(listener.address);
    visit(model_.admin.listen);
    if (place(model_.admin.listen) && !is_loopback(model_.admin.listen)) {
      add(Code::OpenMetrics, model_.admin.listen,
          fmt::format("operators are answered on {}, beyond this machine",
                      model_.admin.listen.text))
          .hint = "orders are taken from this machine alone, but anybody there could read metrics";
    }
    if (!model_.metrics.enabled) return;
    visit(model_.metrics.listen);
    if (!place(model_.metrics.listen)) {
      if (!may_be_written(model_.metrics.listen, "metrics.listen")) {
        check_default_metrics_address(seen);
      }
    } else if (!is_loopback(model_.metrics.listen)) {
      add(Code::OpenMetrics, model_.metrics.listen,
          fmt::format("metrics are served on {}, beyond this machine", model_.metrics.listen.text))
          .hint = "listen on 127.0.0.1 or a unix socket, or let a firewall guard the port";
    }
  }

  void check_here() {
    auto look = [&](const HostPort& at, const char* path) {
      const auto* spot = place(at);
      if (!spot && report_.has_errors()) return;  // what is written may be among them
      auto why = here_->why_not_listen(at, model_);
      if (why.empty()) return;
      report_.add(Code::CannotListen, spot ? *spot : Spot{}, spot ? places_.path(&at) : path,
                  fmt::format("{} cannot be listened on here: {}", at.text, why));
    };
    for (const auto& listener : model_.listeners) look(listener.address, "listeners");
    if (model_.admin.is_apart()) look(model_.admin.listen, "admin.listen");
    if (model_.metrics.enabled) look(model_.metrics.listen, "metrics.listen");
    if (model_.logging.output == "file") must_be_written(model_.logging.path);
    if (model_.logging.access.output == "file") must_be_written(model_.logging.access.path);
    // A client's, and one towards its backend.
    auto wanted = std::uint64_t{model_.limits.connections} * 2;
    if (!place(model_.limits.connections) || wanted <= here_->descriptors) return;
    add(Code::OverBudget, model_.limits.connections,
        fmt::format(
            "{} clients with a backend each need {} descriptors; a process may have {} here",
            model_.limits.connections, wanted, here_->descriptors))
        .hint = "raise the hard limit: LimitNOFILE= of systemd, or ulimit -Hn";
  }

  void must_be_written(const std::string& path) {
    if (path.empty() || !place(path)) return;
    auto why = here_->why_not_write(path);
    if (why.empty()) return;
    add(Code::CannotWrite, path, fmt::format("{} cannot be written here: {}", path, why));
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

  void check_service(const Service& service) {
    if (place(service.upstreams) && service.upstreams.empty()) {
      add(Code::NoUpstreams, service.upstreams,
          fmt::format("Service '{}' has no defined upstreams.", service.name))
          .expected = "at least one address, such as 127.0.0.1:3000";
    }
    if (service.tls && place(service.tls)) {
      add(Code::UpstreamTls, service.tls, "TLS towards the upstream is not supported yet")
          .expected = "false, until a coming version";
    }
  }

  void check_pool(std::size_t i) {
    const auto& pool = model_.pools[i];
    bool is_empty = pool.backends.empty() && pool.tag.empty();
    if (is_empty && !is_service(i) && !is_spoiled(&pool)) {
      add(Code::NoUpstreams, pool.name, fmt::format("the pool '{}' has no backends", pool.name))
          .expected = "backends, or a tag that some backends have";
    }
    check_members(pool);
    check_health(pool);
    check_adaptive(pool);
    check_queue(pool);
    check_waits(pool);
  }

  void check_waits(const Pool& pool) {
    const auto& retries = pool.retries;
    const auto& header = model_.timeouts.upstream_header;
    if (!may_be_written(header, "timeouts.upstream_header")) {
      never_reached(retries.per_try_timeout, header, "timeouts.upstream_header ends the wait");
    }
    before_the_end(retries.per_try_timeout);
    before_the_end(pool.queue.timeout);
    never_reached(retries.backoff, retries.backoff_max, "backoff_max ends the pause");
    never_reached(pool.passive_health.ejection, pool.passive_health.ejection_max,
                  "ejection_max ends it");
  }

  void before_the_end(const Duration& time) {
    const auto& total = model_.timeouts.request_total;
    if (may_be_written(total, "timeouts.request_total")) return;
    never_reached(time, total, "timeouts.request_total ends the request");
  }

  void never_reached(const Duration& time, const Duration& end, std::string_view why) {
    if (time <= end || !place(time)) return;
    add(Code::TimeoutsContradict, time,
        fmt::format("{} is never reached: {} after {}", text_of(time), why, text_of(end)));
  }

  void check_members(const Pool& pool) {
    std::set<std::string> seen;
    for (const auto& member : pool.backends) {
      if (!place(member)) continue;
      check_loop(pool, member);
      if (!seen.insert(listening_key(member)).second) {
        add(Code::DuplicateUpstream, member,
            fmt::format("{} is in the list already, and gets a double share", member.text));
      }
    }
  }

  // Would a request to this backend come back to where it came from?
  void check_loop(const Pool& pool, const HostPort& member) {
    if (member.port == 0 && !member.address) return;  // an id
    for (const auto& listener : model_.listeners) {
      if (!place(listener.address) || !leads_back(member, listener.address)) continue;
      bool is_own = listener.name == pool.name;
      if (!is_own && !is_served_by(listener, pool)) continue;
      add(Code::ProxyLoop, member,
          fmt::format("'{}' would send its requests to itself: {} is where it listens",
                      listener.name, member.text))
          .expected = "the address of a backend";
      return;
    }
  }

  // Does every request of the listener go to that pool? Chains through hosts that differ may be
  // meant.
  bool is_served_by(const Listener& listener, const Pool& pool) const {
    for (const auto& host : model_.virtual_hosts) {
      bool is_on = host.listeners.empty() ||
                   std::ranges::find(host.listeners, listener.name) != host.listeners.end();
      if (!is_on) continue;
      bool others = std::ranges::any_of(
          host.routes, [&](const Route& route) { return route.target.pool != pool.name; });
      if (others) return false;
    }
    return true;
  }

  void check_health(const Pool& pool) {
    const auto& health = pool.health_check;
    if (health.timeout < health.interval) return;
    const auto& field = place(health.timeout) ? health.timeout : health.interval;
    if (!place(field)) return;
    add(Code::SlowHealthCheck, field,
        fmt::format("a check may take {}, and the next is due after {}", text_of(health.timeout),
                    text_of(health.interval)))
        .expected = "a time-out shorter than the time between checks";
  }

  void check_adaptive(const Pool& pool) {
    const auto& adaptive = pool.adaptive_limit;
    if (is_spoiled(&pool, "adaptive_limit")) return;
    if (adaptive.max > 0 && pool.concurrency_limit > 0) {
      add(Code::LimitsContradict, adaptive.max,
          "the pool has two limits: concurrency_limit, and one that is found out")
          .expected = "one of the two; adaptive_limit.max bounds what is found out";
    }
    if (adaptive.max > 0 && adaptive.min > adaptive.max) {
      const auto& field = place(adaptive.min) ? adaptive.min : adaptive.max;
      add(Code::LimitsContradict, field,
          fmt::format("it cannot stay above {} and below {}", adaptive.min, adaptive.max))
          .expected = "a min that is at most max";
    }
    if (adaptive.max == 0 && place(adaptive.min)) {
      add(Code::NoEffect, adaptive.min, "without max there is no adaptive limit").hint =
          "add max: 500, or leave adaptive_limit out";
    }
  }

  // Where nothing is limited nobody waits.
  void check_queue(const Pool& pool) {
    const auto& queue = pool.queue;
    bool is_limited = pool.concurrency_limit > 0 || pool.adaptive_limit.max > 0 ||
                      pool.backend_concurrency_limit > 0;
    if (queue.size > 0 && !is_limited && !is_spoiled(&pool)) {
      add(Code::NoEffect, queue.size, "nobody waits where there is no limit").hint =
          "add concurrency_limit or backend_concurrency_limit, or leave the queue out";
    }
    if (queue.size == 0 && place(queue.timeout) && !is_spoiled(&pool, "queue")) {
      add(Code::NoEffect, queue.timeout, "nobody waits in a queue without a size").hint =
          "add size: 1000, or leave the queue out";
    }
  }

  void check_limits() {
    const auto& limits = model_.limits;
    constexpr std::size_t kMemoryMin = std::size_t{1} << 20;
    if (limits.memory > 0 && limits.memory < kMemoryMin) {
      add(Code::OutOfRange, limits.memory,
          fmt::format("nobody could be served within {} of memory", size_text(limits.memory)))
          .expected = "1m or more, such as 2048m; 0 for what the machine or its cgroup has";
    }
    must_fit(limits.field_bytes, "a field");
    must_fit(limits.target_bytes, "a request target");
    bool is_too_much = limits.upstream_idle > limits.upstream_connections &&
                       !may_be_written(limits.upstream_connections, "limits.upstream_connections");
    if (place(limits.upstream_idle) && is_too_much) {
      add(Code::LimitsContradict, limits.upstream_idle,
          fmt::format("{} connections are kept idle, but only {} are allowed at all",
                      limits.upstream_idle, limits.upstream_connections))
          .expected = "at most limits.upstream_connections";
    }
  }

  void must_fit(const std::size_t& bytes, std::string_view what) {
    const auto& head = model_.limits.head_bytes;
    if (bytes <= head || may_be_written(head, "limits.head_bytes")) return;
    bool by_default = !place(bytes);  // a small head_bytes alone is meant for its parts, too
    if (by_default) return;
    add(Code::LimitsContradict, bytes,
        fmt::format("{} of {} cannot be in a head of {}", what, size_text(bytes), size_text(head)))
        .expected = "at most limits.head_bytes";
  }

  // A wait that lasts longer than all waits together never ends by itself.
  void check_timeouts() {
    const auto& t = model_.timeouts;
    for (const Duration* part : {&t.client_body, &t.client_write, &t.upstream_connect,
                                 &t.upstream_header, &t.upstream_idle, &t.client_header}) {
      before_the_end(*part);
    }
  }

  void check_log_path(const std::string& output, const std::string& path, std::string_view section,
                      std::string_view file) {
    bool has_no_path = path.empty() && !may_be_written(path, fmt::format("{}path", section));
    if (output == "file" && has_no_path && place(output)) {
      add(Code::NoLogPath, output,
          fmt::format("output is a file, but {}path is not given", section))
          .hint = fmt::format("add path: /var/log/cirque/{}.log", file);
    }
    bool is_elsewhere =
        output != "file" && !may_be_written(output, fmt::format("{}output", section));
    if (is_elsewhere && place(path)) {
      add(Code::UnusedPath, path, fmt::format("nothing is written there: output is {}", output))
          .hint = "add output: file";
    }
  }

  void check_trust() {
    for (const auto& network : model_.server.trusted_proxies) {
      if (!network.ends_with("/0")) continue;
      add(Code::TrustsEverybody, network,
          fmt::format("{} is everybody: any client can claim to be any other", network))
          .expected = "the addresses of the proxies in front of this one";
    }
  }

  const Model& model_;
  const Surroundings* here_;
};

}  // namespace

void check(const Model& model, const Places& places, Report& report, const Surroundings* here) {
  Check(model, places, report, here).run();
}

}  // namespace cirque::config
