// The scrape: every worker's counts added up, in the Prometheus text format 0.0.4.
#include <fmt/format.h>

#include <string>

#include "base/log.h"
#include "observe/metrics.h"
#include "observe/process_stats.h"

namespace cirque::observe {
namespace {

constexpr std::array<std::string_view, ServiceMetrics::kClasses> kClassTexts = {
    "1xx", "2xx", "3xx", "4xx", "5xx", "499"};

// By NoRetry.
constexpr std::array<std::string_view, BackendMetrics::kNoRetries> kNoRetryTexts = {
    "method", "body", "heard", "attempts", "budget", "no_peer", "overload", "app"};

// A label's value: it comes from the configuration, where anything may stand.
std::string escaped(std::string_view label) {
  std::string out;
  for (char c : label) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
    name_ = name;
  }

  template <class Number>
  void sample(std::string_view labels, Number value, std::string_view suffix = "") {
    if (labels.empty()) {
      fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name_, suffix, value);
    } else {
      fmt::format_to(std::back_inserter(text_), "{}{}{{{}}} {}\n", name_, suffix, labels, value);
    }
  }

  std::string& text() { return text_; }

 private:
  std::string text_;
  std::string_view name_;
};

// The sum over workers of what `get` finds in each one's part, where it has one.
template <class Parts, class Get>
auto sum(const Parts& parts, Get get) {
  decltype(get(*parts.front())) total{};
  for (const auto* part : parts) total += get(*part);
  return total;
}

template <class Metrics>
using PartsOf = std::vector<const Metrics*>;

struct Service {
  std::string labels;
  PartsOf<ServiceMetrics> parts;
};

struct BackendRow {
  std::string labels;
  bool healthy;
  std::uint64_t transitions;
  std::map<unsigned, std::uint64_t> failed_checks;
  bool ejected;
  std::uint64_t ejections;
  PartsOf<BackendMetrics> parts;
};

template <const auto& kBounds>
void write_histogram(Page& page, const std::vector<Service>& services, std::string_view name,
                     std::string_view help, Histogram<kBounds> ServiceMetrics::* which) {
  constexpr auto kBuckets = Histogram<kBounds>::kBuckets;
  page.family(name, "histogram", help);
  for (const auto& service : services) {
    std::uint64_t below = 0;
    for (unsigned b = 0; b < kBuckets; ++b) {
      below += sum(service.parts, [&](auto& m) { return (m.*which).count(b); });
      auto limit = std::chrono::duration<double>(Histogram<kBounds>::limit_of(b)).count();
      page.sample(fmt::format("{},le=\"{}\"", service.labels, limit), below, "_bucket");
    }
    below += sum(service.parts, [&](auto& m) { return (m.*which).count(kBuckets); });
    page.sample(service.labels + ",le=\"+Inf\"", below, "_bucket");
    auto ns = sum(service.parts, [&](auto& m) { return (m.*which).sum_ns(); });
    page.sample(service.labels, static_cast<double>(ns) / 1e9, "_sum");
    page.sample(service.labels, below, "_count");
  }
}

void write_services(Page& page, const std::vector<Service>& services) {
  page.family("cirque_http_requests_total", "counter", "Requests answered, by status class.");
  for (const auto& service : services) {
    for (unsigned c = 0; c < ServiceMetrics::kClasses; ++c) {
      for (unsigned m = 0; m < kMethods; ++m) {
        auto n = sum(service.parts, [&](auto& s) { return s.requests[c][m].get(); });
        if (n == 0) continue;
        page.sample(fmt::format("{},code=\"{}\",method=\"{}\"", service.labels, kClassTexts[c],
                                text_of(static_cast<Method>(m))),
                    n);
      }
    }
  }
  write_histogram(page, services, "cirque_http_request_duration_seconds",
                  "From a request's first byte to the end of its answer.",
                  &ServiceMetrics::duration);
  write_histogram(page, services, "cirque_proxy_overhead_seconds",
                  "What the proxy itself added, without waits for client and backend.",
                  &ServiceMetrics::overhead);
  page.family("cirque_http_requests_in_flight", "gauge", "Requests in progress.");
  for (const auto& s : services) {
    page.sample(s.labels, sum(s.parts, [](auto& m) { return m.in_flight.get(); }));
  }
  page.family("cirque_http_request_body_bytes_total", "counter", "Bytes of request bodies.");
  for (const auto& s : services) {
    page.sample(s.labels, sum(s.parts, [](auto& m) { return m.bytes_in.get(); }));
  }
  page.family("cirque_http_response_body_bytes_total", "counter", "Bytes of response bodies.");
  for (const auto& s : services) {
    page.sample(s.labels, sum(s.parts, [](auto& m) { return m.bytes_out.get(); }));
  }
  page.family("cirque_http_reasons_total", "counter", "Requests that did not end well, by reason.");
  for (const auto& s : services) {
    for (unsigned r = 0; r < reasons().size(); ++r) {
      auto n = sum(s.parts, [&](auto& m) { return m.reasons.get(r); });
      if (n) page.sample(fmt::format("{},reason=\"{}\"", s.labels, reasons()[r].slug), n);
    }
  }
}

void write_backends(Page& page, const std::vector<BackendRow>& rows) {
  auto counters = [&](std::string_view name, std::string_view help,
                      Counter BackendMetrics::* which) {
    page.family(name, "counter", help);
    for (const auto& row : rows) {
      page.sample(row.labels, sum(row.parts, [&](auto& m) { return (m.*which).get(); }));
    }
  };
  counters("cirque_upstream_requests_total", "Requests sent, retries included.",
           &BackendMetrics::requests);
  counters("cirque_upstream_connects_total", "Connections opened.", &BackendMetrics::connects);
  counters("cirque_upstream_reuses_total", "Requests sent over a pooled connection.",
           &BackendMetrics::reuses);
  counters("cirque_upstream_idle_expired_total", "Pooled connections ended by time or peer.",
           &BackendMetrics::expired);
  counters("cirque_upstream_evictions_total", "Connections not kept.", &BackendMetrics::evictions);
  counters("cirque_upstream_overflow_taken_total", "Idle connections taken from other workers.",
           &BackendMetrics::overflow_taken);
  counters("cirque_upstream_overflow_given_total", "Idle connections offered to other workers.",
           &BackendMetrics::overflow_given);
  page.family("cirque_upstream_failures_total", "counter", "Attempts that failed, by reason.");
  for (const auto& row : rows) {
    for (unsigned r = 0; r < reasons().size(); ++r) {
      auto n = sum(row.parts, [&](auto& m) { return m.failures.get(r); });
      if (n) page.sample(fmt::format("{},reason=\"{}\"", row.labels, reasons()[r].slug), n);
    }
  }
  counters("cirque_upstream_retries_total", "Requests sent again after an attempt here had failed.",
           &BackendMetrics::retries);
  page.family("cirque_upstream_retries_suppressed_total", "counter",
              "Requests not sent again after an attempt here had failed, by reason.");
  for (const auto& row : rows) {
    for (unsigned n = 0; n < kNoRetryTexts.size(); ++n) {
      auto count = sum(row.parts, [&](auto& m) { return m.no_retries[n].get(); });
      if (count) page.sample(fmt::format("{},reason=\"{}\"", row.labels, kNoRetryTexts[n]), count);
    }
  }
  page.family("cirque_upstream_connections", "gauge",
              "Connections that carry a request, and those that workers keep for the next.");
  for (const auto& row : rows) {
    page.sample(row.labels + ",state=\"active\"",
                sum(row.parts, [](auto& m) { return m.active.get(); }));
    page.sample(row.labels + ",state=\"idle\"",
                sum(row.parts, [](auto& m) { return m.idle.get(); }));
  }
  page.family("cirque_upstream_healthy", "gauge", "1 while health checks pass.");
  for (const auto& row : rows) page.sample(row.labels, row.healthy ? 1 : 0);
  page.family("cirque_upstream_health_transitions_total", "counter", "Changes of health.");
  for (const auto& row : rows) page.sample(row.labels, row.transitions);
  page.family("cirque_upstream_failed_checks_total", "counter",
              "Health checks that failed, by reason.");
  for (const auto& row : rows) {
    for (auto [reason, n] : row.failed_checks) {
      page.sample(fmt::format("{},reason=\"{}\"", row.labels, reasons()[reason].slug), n);
    }
  }
  page.family("cirque_upstream_ejected", "gauge",
              "1 while it is left out of its pool for what it did to requests.");
  for (const auto& row : rows) page.sample(row.labels, row.ejected ? 1 : 0);
  page.family("cirque_upstream_ejections_total", "counter", "How often it was left out.");
  for (const auto& row : rows) page.sample(row.labels, row.ejections);
}

void write_connections(Page& page, const PartsOf<WorkerMetrics>& workers) {
  page.family("cirque_connections_accepted_total", "counter", "Client connections accepted.");
  page.sample("", sum(workers, [](auto& w) { return w.accepted.get(); }));
  page.family("cirque_connections_refused_total", "counter", "Client connections refused.");
  for (unsigned r = 0; r < reasons().size(); ++r) {
    auto n = sum(workers, [&](auto& w) { return w.refused.get(r); });
    if (n) page.sample(fmt::format("reason=\"{}\"", reasons()[r].slug), n);
  }
  auto open = sum(workers, [](auto& w) { return w.active.get(); });
  auto idle = sum(workers, [](auto& w) { return w.idle.get(); });
  page.family("cirque_connections", "gauge", "Client connections.");
  page.sample("state=\"active\"", open - idle);
  page.sample("state=\"idle\"", idle);
  page.family("cirque_underscored_fields_dropped_total", "counter",
              "Field lines dropped for an underscore in the name.");
  page.sample("", sum(workers, [](auto& w) { return w.underscored_fields.get(); }));
}

void write_rate_limits(Page& page, const std::vector<RateCounts>& all) {
  auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                    auto RateCounts::* which) {
    page.family(name, type, help);
    for (const auto& one : all) {
      page.sample(fmt::format("limit=\"{}\"", escaped(one.limit)), one.*which);
    }
  };
  family("cirque_rate_limited_total", "counter", "Requests refused by a rate limit.",
         &RateCounts::refused);
  family("cirque_rate_limit_dry_run_total", "counter",
         "Requests that a rate limit would have refused but for its dry run.",
         &RateCounts::let_pass);
  family("cirque_rate_limit_forgotten_keys_total", "counter",
         "Keys forgotten before they had all their credit back, for want of entries.",
         &RateCounts::forgotten);
  family("cirque_rate_limit_bytes", "gauge", "What a rate limit's entries take of memory.",
         &RateCounts::bytes);
}

void write_pools(Page& page, const std::vector<PoolCounts>& all) {
  using Counts = const PoolCounts&;
  auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                    bool PoolCounts::* wanted, auto get) {
    page.family(name, type, help);
    for (Counts one : all) {
      if (one.*wanted) page.sample(fmt::format("pool=\"{}\"", escaped(one.pool)), get(one));
    }
  };
  constexpr auto kOwn = &PoolCounts::has_limit;
  family("cirque_pool_requests", "gauge", "Requests that a pool with a limit has under way.", kOwn,
         [](Counts c) { return c.in_use; });
  family("cirque_pool_requests_max", "gauge", "How many it takes at a time, at present.", kOwn,
         [](Counts c) { return c.limit; });
  constexpr auto kAny = &PoolCounts::is_limited;
  family("cirque_pool_queue_waiting", "gauge", "Requests that wait until their pool has room.",
         kAny, [](Counts c) { return c.waiting; });
  family("cirque_pool_queue_waited_total", "counter", "Requests that have begun to wait.", kAny,
         [](Counts c) { return c.waited; });
  family("cirque_pool_queue_seconds_total", "counter", "How long they waited, all together.", kAny,
         [](Counts c) { return std::chrono::duration<double>(c.waited_time).count(); });
  family("cirque_pool_queue_timeouts_total", "counter", "Requests that waited in vain.", kAny,
         [](Counts c) { return c.timed_out; });
  family("cirque_pool_queue_refused_total", "counter", "Requests refused as too many waited.", kAny,
         [](Counts c) { return c.refused; });
  constexpr auto kBreaker = &PoolCounts::has_breaker;
  family("cirque_pool_circuit_open", "gauge", "1 while a pool's circuit breaker is open.", kBreaker,
         [](Counts c) { return static_cast<std::uint64_t>(c.is_open); });
  family("cirque_pool_circuit_openings_total", "counter", "How often it has opened.", kBreaker,
         [](Counts c) { return c.openings; });
}

// Why, and how often.
using Reasoned = std::initializer_list<std::pair<std::string_view, std::uint64_t>>;

void write_reasons(Page& page, const std::string& pool, Reasoned reasons) {
  for (auto [reason, count] : reasons) {
    if (count == 0) continue;
    page.sample(fmt::format("pool=\"{}\",reason=\"{}\"", escaped(pool), reason), count);
  }
}

void write_turned_away(Page& page, const std::vector<PoolCounts>& all) {
  page.family("cirque_pool_refused_total", "counter",
              "Requests that a pool did not take, beside those of its queue.");
  for (const auto& one : all) {
    write_reasons(page, one.pool,
                  {{"concurrency_limit", one.refused_full},
                   {"circuit_open", one.refused_cut},
                   {"request_body_too_large", one.refused_too_large}});
  }
  page.family("cirque_pool_failovers_total", "counter", "Requests that went on to another pool.");
  for (const auto& one : all) {
    write_reasons(
        page, one.pool,
        {{"circuit_open", one.failovers_cut}, {"upstream_unhealthy", one.failovers_unwell}});
  }
}

void write_gates(Page& page, const std::vector<GateCounts>& all) {
  auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                    bool GateCounts::* wanted, auto GateCounts::* which) {
    page.family(name, type, help);
    for (const auto& one : all) {
      if (!(one.*wanted)) continue;
      page.sample(
          fmt::format("pool=\"{}\",backend=\"{}\"", escaped(one.pool), escaped(one.backend)),
          static_cast<std::uint64_t>(one.*which));
    }
  };
  family("cirque_upstream_requests_in_flight", "gauge",
         "Requests that a backend with a limit has under way.", &GateCounts::has_limit,
         &GateCounts::in_use);
  family("cirque_upstream_circuit_open", "gauge", "1 while a backend's circuit breaker is open.",
         &GateCounts::has_breaker, &GateCounts::is_open);
  family("cirque_upstream_circuit_openings_total", "counter", "How often it has opened.",
         &GateCounts::has_breaker, &GateCounts::openings);
}

void write_loops(Page& page, const std::vector<Registry::Loop>& loops) {
  page.family("cirque_event_loop_turns_total", "counter", "Turns of a worker's event loop.");
  for (std::size_t i = 0; i < loops.size(); ++i) {
    page.sample(fmt::format("worker=\"{}\"", i), loops[i].turns);
  }
  page.family("cirque_event_loop_longest_turn_seconds", "gauge",
              "The longest turn since the last scrape, of one in 64 that is timed.");
  for (std::size_t i = 0; i < loops.size(); ++i) {
    page.sample(fmt::format("worker=\"{}\"", i),
                std::chrono::duration<double>(loops[i].longest).count());
  }
  page.family("cirque_event_loop_lag_seconds", "gauge",
              "How long a message to the worker has waited for its turn, lately.");
  for (std::size_t i = 0; i < loops.size(); ++i) {
    page.sample(fmt::format("worker=\"{}\"", i),
                std::chrono::duration<double>(loops[i].lag).count());
  }
  page.family("cirque_worker_stalls_total", "counter", "Turns of 100 ms and more.");
  for (std::size_t i = 0; i < loops.size(); ++i) {
    page.sample(fmt::format("worker=\"{}\"", i), loops[i].stalls);
  }
}

void write_overload(Page& page, const Registry::Overload& overload) {
  page.family("cirque_overload_level", "gauge",
              "What is given up for want of memory: 0 nothing, 5 new connections wait.");
  page.sample("", overload.level);
  page.family("cirque_memory_bytes", "gauge", "Memory that counts against the limit.");
  page.sample("", overload.memory_used);
  page.family("cirque_memory_limit_bytes", "gauge", "The limit that the level comes from.");
  page.sample("", overload.memory_limit);
}

}  // namespace

std::string Registry::expose() const {
  std::lock_guard lock(mutex_);
  static const ServiceMetrics kNoService;
  static const BackendMetrics kNoBackend;
  PartsOf<WorkerMetrics> workers;
  for (const auto& worker : workers_) workers.push_back(worker.get());
  std::vector<Service> services;
  for (unsigned i = 0; i < services_.size(); ++i) {
    Service service{fmt::format("service=\"{}\"", escaped(services_[i])), {&kNoService}};
    for (const auto* worker : workers) {
      if (auto* part = worker->find_service(i)) service.parts.push_back(part);
    }
    services.push_back(std::move(service));
  }
  std::vector<BackendRow> rows;
  for (unsigned i = 0; i < backends_.size(); ++i) {
    const auto& backend = backends_[i];
    if (backend.presence.expired()) continue;
    BackendRow row{fmt::format("pool=\"{}\",backend=\"{}\"", escaped(pools_[backend.pool]),
                               escaped(backend.name)),
                   backend.healthy,
                   backend.transitions,
                   backend.failed_checks,
                   backend.ejected,
                   backend.ejections,
                   {&kNoBackend}};
    for (const auto* worker : workers) {
      if (auto* part = worker->find_backend(i)) row.parts.push_back(part);
    }
    rows.push_back(std::move(row));
  }
  Page page;
  page.family("cirque_build_info", "gauge", "The version, as a label.");
  page.sample("version=\"" CIRQUE_VERSION "\"", 1);
  write_services(page, services);
  write_connections(page, workers);
  write_backends(page, rows);
  write_rate_limits(page, rate_limits());
  write_pools(page, pools());
  write_turned_away(page, pools());
  write_gates(page, gates());
  write_loops(page, loops());
  write_overload(page, overload());
  page.family("cirque_config_reloads_total", "counter",
              "New configurations, by what came of them.");
  page.sample("result=\"success\"", reloads_taken.load(std::memory_order_relaxed));
  page.sample("result=\"failure\"", reloads_refused.load(std::memory_order_relaxed));
  page.family("cirque_config_publish_seconds", "gauge",
              "How long it took until every worker had the configuration in use.");
  page.sample("",
              std::chrono::duration<double>(publishing.load(std::memory_order_relaxed)).count());
  page.family("cirque_access_log_dropped_total", "counter",
              "Access log lines lost for want of room.");
  page.sample("", access_log_dropped());
  page.family("cirque_log_lines_lost_total", "counter",
              "Lines of the application log that its reader did not take.");
  page.sample("", log::lost());
  append_process_stats(page.text());
  return std::move(page.text());
}

}  // namespace cirque::observe
