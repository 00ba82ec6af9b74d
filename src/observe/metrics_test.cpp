#include "observe/metrics.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "observe/process_stats.h"

namespace cirque::observe {
namespace {

// The lines of the page that begin with `name`, with their newlines.
std::string lines_of(const std::string& page, std::string_view name) {
  std::string found;
  for (std::size_t at = 0; at < page.size();) {
    auto end = page.find('\n', at) + 1;
    auto line = std::string_view(page).substr(at, end - at);
    if (line.starts_with(name)) found += line;
    at = end;
  }
  return found;
}

constexpr auto kGet = static_cast<std::size_t>(Method::Get);

void count_a_request(Registry& registry, unsigned worker, unsigned service) {
  auto& metrics = registry.worker(worker).service(service);
  metrics.requests[1][kGet].add();
  metrics.duration.record(3ms);
  metrics.overhead.record(20us);
  metrics.bytes_in.add(10);
  metrics.bytes_out.add(100);
}

// A registry with something in every family.
// What keeps its backend on the page.
[[nodiscard]] std::shared_ptr<const void> fill(Registry& registry) {
  auto service = registry.add_service("api");
  auto [backend, presence] = registry.add_backend(registry.add_pool("api"), "127.0.0.1:3001");
  count_a_request(registry, 0, service);
  count_a_request(registry, 1, service);
  auto& worker = registry.worker(0);
  worker.service(service).in_flight.add(1);
  worker.service(service).requests[5][kGet].add();
  worker.service(service).reasons.add("client_gone");
  worker.accepted.add(3);
  worker.active.add(3);
  worker.idle.add(1);
  worker.refused.add("too_many_connections");
  worker.backend(backend).connects.add();
  registry.worker(1).backend(backend).reuses.add();
  worker.backend(backend).failures.add("upstream_reset");
  registry.set_healthy(backend, false);
  registry.publishing = 3ms;
  return presence;
}

}  // namespace

TEST_SUITE_BEGIN("observe");

TEST_CASE("a scrape adds the workers up") {
  Registry registry(2);
  auto presence = fill(registry);
  auto page = registry.expose();
  CHECK(lines_of(page, "cirque_http_requests_total") ==
        "cirque_http_requests_total{service=\"api\",code=\"2xx\",method=\"GET\"} 2\n"
        "cirque_http_requests_total{service=\"api\",code=\"499\",method=\"GET\"} 1\n");
  CHECK(lines_of(page, "cirque_http_response_body_bytes_total") ==
        "cirque_http_response_body_bytes_total{service=\"api\"} 200\n");
  CHECK(lines_of(page, "cirque_http_requests_in_flight") ==
        "cirque_http_requests_in_flight{service=\"api\"} 1\n");
  CHECK(lines_of(page, "cirque_http_reasons_total") ==
        "cirque_http_reasons_total{service=\"api\",reason=\"client_gone\"} 1\n");
  CHECK(lines_of(page, "cirque_connections{") ==
        "cirque_connections{state=\"active\"} 2\n"
        "cirque_connections{state=\"idle\"} 1\n");
  CHECK(lines_of(page, "cirque_connections_refused_total") ==
        "cirque_connections_refused_total{reason=\"too_many_connections\"} 1\n");
  std::string backend = "{pool=\"api\",backend=\"127.0.0.1:3001\"";
  CHECK(lines_of(page, "cirque_upstream_reuses_total") ==
        "cirque_upstream_reuses_total" + backend + "} 1\n");
  CHECK(lines_of(page, "cirque_upstream_failures_total") ==
        "cirque_upstream_failures_total" + backend + ",reason=\"upstream_reset\"} 1\n");
  CHECK(lines_of(page, "cirque_upstream_healthy") == "cirque_upstream_healthy" + backend + "} 0\n");
  CHECK(lines_of(page, "cirque_upstream_health_transitions_total") ==
        "cirque_upstream_health_transitions_total" + backend + "} 1\n");
  CHECK(lines_of(page, "cirque_config_publish_seconds") == "cirque_config_publish_seconds 0.003\n");
  CHECK(lines_of(page, "cirque_build_info").starts_with("cirque_build_info{version=\""));
}

TEST_CASE("a histogram's buckets are cumulative, in seconds") {
  Registry registry(2);
  auto presence = fill(registry);
  auto page = registry.expose();
  CHECK(lines_of(page, "cirque_proxy_overhead_seconds") ==
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"1e-05\"} 0\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"2.5e-05\"} 2\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"5e-05\"} 2\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"0.0001\"} 2\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"0.00025\"} 2\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"0.0005\"} 2\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"0.001\"} 2\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"0.0025\"} 2\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"0.005\"} 2\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"0.01\"} 2\n"
        "cirque_proxy_overhead_seconds_bucket{service=\"api\",le=\"+Inf\"} 2\n"
        "cirque_proxy_overhead_seconds_sum{service=\"api\"} 4e-05\n"
        "cirque_proxy_overhead_seconds_count{service=\"api\"} 2\n");
  auto duration = lines_of(page, "cirque_http_request_duration_seconds");
  CHECK(duration.contains("le=\"0.0025\"} 0\n"));
  CHECK(duration.contains("le=\"0.005\"} 2\n"));
  CHECK(duration.contains("_sum{service=\"api\"} 0.006\n"));
}

TEST_CASE("names in labels are escaped") {
  Registry registry(1);
  registry.add_service("a\"b\\c\nd");
  CHECK(lines_of(registry.expose(), "cirque_http_requests_in_flight") ==
        "cirque_http_requests_in_flight{service=\"a\\\"b\\\\c\\nd\"} 0\n");
}

TEST_CASE("the same name is the same index") {
  Registry registry(1);
  CHECK(registry.add_service("a") == 0);
  CHECK(registry.add_service("b") == 1);
  CHECK(registry.add_service("a") == 0);
  CHECK(registry.add_backend(0, "x").index == 0);
  CHECK(registry.add_backend(1, "x").index == 1);
  CHECK(registry.add_backend(0, "x").index == 0);
}

TEST_CASE("what does not fit shares the last index") {
  Registry registry(1);
  for (unsigned i = 0; i < WorkerMetrics::kServicesMax; ++i)
    registry.add_service(std::to_string(i));
  CHECK(registry.add_service("one more") == WorkerMetrics::kServicesMax - 1);
  CHECK(registry.add_service("7") == 7);
  registry.worker(0).service(WorkerMetrics::kServicesMax - 1).in_flight.add(1);
  CHECK(registry.expose().contains("cirque_http_requests_in_flight{service=\"4095\"} 1\n"));
}

TEST_CASE("health changes count only when they are changes") {
  Registry registry(1);
  auto [backend, presence] = registry.add_backend(registry.add_pool("s"), "b");
  registry.set_healthy(backend, true);
  registry.set_healthy(backend, false);
  registry.set_healthy(backend, false);
  registry.set_healthy(backend, true);
  CHECK(lines_of(registry.expose(), "cirque_upstream_health_transitions_total").ends_with("} 2\n"));
}

TEST_CASE("failed checks are counted by reason") {
  Registry registry(1);
  auto [backend, presence] = registry.add_backend(registry.add_pool("s"), "b");
  registry.count_failed_check(backend, "health_check_body");
  registry.count_failed_check(backend, "health_check_body");
  registry.count_failed_check(backend, "upstream_connect_refused");
  auto lines = lines_of(registry.expose(), "cirque_upstream_failed_checks_total");
  CHECK(lines.contains("{pool=\"s\",backend=\"b\",reason=\"health_check_body\"} 2\n"));
  CHECK(lines.contains("{pool=\"s\",backend=\"b\",reason=\"upstream_connect_refused\"} 1\n"));
}

TEST_CASE("a backend is on the page as long as somebody wants it there") {
  Registry registry(1);
  auto pool = registry.add_pool("s");
  auto on_page = [&] { return registry.expose().contains("backend=\"b\""); };
  auto one = registry.add_backend(pool, "b");
  auto other = registry.add_backend(pool, "b");
  CHECK(one.index == other.index);
  registry.worker(0).backend(one.index).connects.add(7);
  one.presence.reset();
  CHECK(on_page());
  other.presence.reset();
  CHECK_FALSE(on_page());
  auto again = registry.add_backend(pool, "b");
  CHECK(again.index == one.index);
  CHECK(lines_of(registry.expose(), "cirque_upstream_connects_total").ends_with("} 7\n"));
}

TEST_CASE("backends that have gone make room") {
  Registry registry(1);
  auto pool = registry.add_pool("s");
  std::vector<Registry::Listing> listings;
  for (unsigned i = 0; i < WorkerMetrics::kBackendsMax; ++i) {
    listings.push_back(registry.add_backend(pool, std::to_string(i)));
  }
  CHECK(registry.add_backend(pool, "one more").index == WorkerMetrics::kBackendsMax - 1);
  listings[7].presence.reset();
  auto late = registry.add_backend(pool, "one more");
  CHECK(late.index == 7);
  CHECK(registry.add_backend(pool, "one more").index == 7);
  CHECK(registry.add_backend(pool, "7").index == WorkerMetrics::kBackendsMax - 1);
  listings.clear();
  CHECK(lines_of(registry.expose(), "cirque_upstream_healthy") ==
        "cirque_upstream_healthy{pool=\"s\",backend=\"one more\"} 1\n");
}

TEST_CASE("services are added and scraped while a worker counts") {
  constexpr unsigned kServices = 64;
  Registry registry(1);
  std::atomic<unsigned> known{0};
  {
    std::jthread worker([&] {
      for (unsigned i = 0; i < kServices;) {
        if (i < known.load(std::memory_order_acquire)) count_a_request(registry, 0, i++);
      }
    });
    for (unsigned i = 0; i < kServices; ++i) {
      registry.add_service(std::to_string(i));
      known.store(i + 1, std::memory_order_release);
      registry.expose();
    }
  }
  auto page = registry.expose();
  auto counts = lines_of(page, "cirque_http_requests_total");
  CHECK(std::ranges::count(counts, '\n') == kServices);
}

TEST_CASE("the process tells about itself") {
  std::string page;
  append_process_stats(page);
  auto value = [&](std::string_view name) {
    auto line = lines_of(page, name);
    return std::stod(line.substr(line.find(' ')));
  };
  CHECK(value("process_open_fds") >= 3);
  CHECK(value("process_max_fds") >= value("process_open_fds"));
  CHECK(value("process_threads") >= 1);
  CHECK(value("process_resident_memory_bytes") > 100'000);
  CHECK(value("process_start_time_seconds") > 1.5e9);
  CHECK(value("process_cpu_seconds_total") >= 0);
}

TEST_CASE("promtool has nothing to say against a scrape") {
  if (std::system("command -v promtool >/dev/null") != 0) return;  // not installed here
  Registry registry(2);
  char path[] = "/tmp/cirque_scrape_XXXXXX";
  int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  close(fd);
  for (bool filled : {false, true}) {
    auto presence = filled ? fill(registry) : nullptr;
    std::ofstream(path) << registry.expose();
    auto command = std::string("promtool check metrics <") + path;
    CHECK(std::system(command.c_str()) == 0);
  }
  std::filesystem::remove(path);
}

TEST_SUITE_END();

}  // namespace cirque::observe
