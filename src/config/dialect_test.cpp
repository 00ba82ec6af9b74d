#include "config/dialect.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "config/load.h"

namespace cirque::config {
namespace {

std::optional<std::string> empty_world(std::string_view) {
  return std::nullopt;
}

std::optional<std::string> world_with_port(std::string_view name) {
  if (name == "PORT") return "9999";
  return std::nullopt;
}

Loaded load(std::string_view text, const char* name, const Environment& world = empty_world) {
  return load_text(text, name, world);
}

constexpr std::string_view kLegacy = R"({"version": "1.0.0",
 "routingTable": {"acme": "tier1", "visa": "visa"},
 "cellEndpoints": {"tier1": "http://cell-tier1:9001", "visa": "http://cell-visa/prefix?x"},
 "defaultPlacement": "tier1"})";

// What a request with the key comes to: pool and reason.
std::string decided(const Loaded& loaded, std::string_view key, std::string_view path = "/x") {
  Arena arena;
  Headers headers(arena);
  if (!key.empty()) headers.add("X-Routing-Key", key);
  route::Facts facts;
  facts.method = Method::Get;
  facts.host = "anything";
  facts.path = path;
  facts.headers = &headers;
  const auto& plan = *loaded.blueprint;
  auto decision = plan.decide(plan.lanes.front(), facts, 0);
  if (decision.kind == Decision::Kind::NoKey) return "no key";
  if (decision.kind == Decision::Kind::Report) return "report";
  return plan.pools[decision.index].name + " " + std::string(decision.route_reason(decision.index));
}

TEST_SUITE("config") {
  TEST_CASE("times and thresholds of a cell are read as the router in Go reads them") {
    auto loaded = load(R"({"version": "1", "routingTable": {"a": "t"}, "placements": {"t": {
 "url": "http://cell",
 "health_check": {"path": "/up", "interval": "30s1m", "timeout": "12500us"},
 "circuit_breaker": {"failure_threshold": 0, "timeout": "1.5m"},
 "retries": {"max": 1, "backoff": "100us"}}}, "defaultPlacement": "t"})",
                       "routing.json");
    REQUIRE(loaded.ok());
    const auto& pool = loaded.model.pools.front();
    CHECK(pool.health_check.interval == Duration(90s));
    CHECK(pool.health_check.timeout == Duration(13ms));
    CHECK(pool.circuit_breaker == CircuitBreaker{.failure_threshold = 5, .timeout = 90s});
    CHECK(pool.retries.backoff == Duration(1ms));
  }

  TEST_CASE("what an endpoint of a cell can be") {
    auto messages = [](std::string_view url) {
      auto text = fmt::format(R"({{"version": "1", "routingTable": {{"a": "t"}},
 "cellEndpoints": {{"t": "{}"}}, "defaultPlacement": "t"}})",
                              url);
      std::string told;
      for (const auto& f : load(text, "routing.json").findings) told += f.message;
      return told;
    };
    CHECK(messages("HTTP://cell:9001") == "");
    CHECK(messages("http://[::1]/x").empty());
    CHECK(messages("HTTPS://cell").contains("needs TLS"));
    CHECK(messages("http:cell").contains("has no http:// in front"));
    CHECK(messages("http://user:secret@cell").contains("has more than a host and a port"));
    CHECK(messages("http://unix:9001").contains("has more than a host and a port"));
  }

  TEST_CASE("a file of cells, with endpoints alone") {
    auto loaded = load(kLegacy, "routing.json");
    REQUIRE(loaded.findings.empty());
    const auto& m = loaded.model;
    CHECK(m.version == "1.0.0");
    REQUIRE(m.listeners.size() == 1);
    CHECK(m.listeners[0].address.text == "0.0.0.0:8080");
    REQUIRE(m.pools.size() == 2);
    CHECK(m.pools[0].backends[0].text == "cell-tier1:9001");
    CHECK(m.pools[0].host == "cell-tier1:9001");
    // Of a URL scheme and authority count.
    CHECK(m.pools[1].backends[0].text == "cell-visa:80");
    CHECK(m.pools[1].host == "cell-visa");
    CHECK(m.timeouts.upstream_connect == 5s);
    CHECK(m.timeouts.upstream_header == 10s);
    CHECK(m.timeouts.request_total == 30s);
    CHECK(m.timeouts.upstream_keepalive == 90s);
    CHECK(m.timeouts.drain == 10s);
    CHECK(m.logging.access.format == AccessLog::Cells);
    CHECK(decided(loaded, "acme") == "tier1 tier");
    CHECK(decided(loaded, "visa") == "visa dedicated");
    CHECK(decided(loaded, "Visa") == "tier1 default");
    CHECK(decided(loaded, "") == "no key");
    CHECK(decided(loaded, "", "/debug/config") == "report");
  }

  TEST_CASE("PORT is where a file of cells listens") {
    CHECK(load(kLegacy, "routing.json", world_with_port).model.listeners[0].address.text ==
          "0.0.0.0:9999");
    auto bad = load(kLegacy, "routing.json", [](std::string_view name) {
      return name == "PORT" ? std::optional<std::string>("http") : std::nullopt;
    });
    REQUIRE(bad.findings.size() == 1);
    CHECK(bad.findings[0].message == "the environment variable PORT is 'http', which is no port");
  }

  TEST_CASE("placements have settings of their own, and cellEndpoints win for URLs") {
    auto loaded = load(R"({"version": "2", "routingTable": {"a": "x", "b": "y"},
      "cellEndpoints": {"x": "http://10.0.0.1:1"},
      "placements": {"x": {"url": "http://10.0.0.9:9", "health_check":
        {"path": "/", "interval": "7s", "timeout": "1s500ms"}}, "y": "http://10.0.0.2:2"},
      "defaultPlacement": "y"})",
                       "hybrid.json");
    REQUIRE(loaded.ok());
    REQUIRE(loaded.model.pools.size() == 2);
    CHECK(loaded.model.pools[0].backends[0].text == "10.0.0.1:1");
    CHECK(loaded.model.pools[0].health_check.interval == 7s);
    CHECK(loaded.model.pools[0].health_check.timeout == 1500ms);
    CHECK(loaded.model.pools[1].backends[0].text == "10.0.0.2:2");
    CHECK(decided(loaded, "a") == "x dedicated");
  }

  TEST_CASE("the draft has other names") {
    auto loaded = load(R"(
default_placement: tier2
customer_to_placement: {acme: tier1}
placement_to_endpoint:
  tier1: http://10.0.0.1:1
  tier2: {url: 'http://10.0.0.2:2'}
server: {workers: 3}
timeouts: {request_total: 9s}
)",
                       "routing.yaml");
    REQUIRE(loaded.findings.empty());
    CHECK(loaded.model.server.workers == 3);
    CHECK(loaded.model.timeouts.request_total == 9s);
    CHECK(decided(loaded, "acme") == "tier1 tier");
    CHECK(decided(loaded, "other") == "tier2 default");
  }

  TEST_CASE("domains and the tags of their backends") {
    auto loaded = load(R"(
[proxy]
listen_addr = "0.0.0.0:8443"
listen_addr_http = "0.0.0.0:8080"
management_api_addr = "127.0.0.1:8081"
[[virtual_hosts]]
domain = "a.example"
enabled_backends_tag = "a"
[[virtual_hosts]]
domain = "b.example"
enabled_backends_tag = "b"
http_to_https = false
[[backends]]
id = "one"
address = "localhost:3001"
tags = ["a"]
[[backends]]
id = "two"
address = "10.0.0.2:80"
tags = ["a", "b"]
)",
                       "config.toml");
    REQUIRE(loaded.findings.empty());
    const auto& m = loaded.model;
    CHECK(m.admin.listen.text == "127.0.0.1:8081");
    CHECK_FALSE(m.metrics.enabled);
    CHECK(m.logging.format == log::Format::Json);
    CHECK(m.tag_health.interval == 10s);
    CHECK(m.tag_health.timeout == 5s);
    CHECK(m.tag_health.unhealthy_threshold == 3);
    CHECK(m.tag_health.healthy_threshold == 2);

    const auto& plan = *loaded.blueprint;
    auto decide = [&](const char* listener, std::string_view host) {
      route::Facts facts;
      facts.method = Method::Get;
      facts.host = host;
      facts.path = "/x";
      return plan.decide(*plan.lane(listener), facts, 0);
    };
    auto a = decide("proxy", "a.example");
    REQUIRE(a.kind == Decision::Kind::Forward);
    CHECK(plan.pools[a.index].origins.size() == 2);
    CHECK(plan.pools[a.index].health.interval == 10s);
    CHECK(plan.pools[a.index].terms.outliers.errors == 3);
    CHECK(plan.pools[a.index].terms.outliers.gateway_errors == 3);
    auto b = decide("proxy-http", "b.example");
    REQUIRE(b.kind == Decision::Kind::Forward);
    CHECK(plan.pools[b.index].origins.size() == 1);
    auto led = decide("proxy-http", "a.example");
    REQUIRE(led.kind == Decision::Kind::Redirect);
    CHECK(location_of(plan.redirects[led.index], "http", "a.example:8080", "/x", "y=1") ==
          "https://a.example:8443/x?y=1");
    CHECK(plan.redirects[led.index].status == 301);
    CHECK(decide("proxy", "c.example").kind == Decision::Kind::NoHost);
  }

  TEST_CASE("logs and metrics of a file of domains") {
    auto of = [](std::string_view sections) {
      auto loaded = load(std::string(R"(
[proxy]
listen_addr = "0.0.0.0:8443"
management_api_addr = "127.0.0.1:8081"
[[virtual_hosts]]
domain = "a.example"
enabled_backends_tag = "a"
[[backends]]
id = "one"
address = "localhost:3001"
tags = ["a"]
)") + std::string(sections),
                         "config.toml");
      REQUIRE(loaded.findings.empty());
      return loaded.model;
    };
    auto usual = of("");
    CHECK(usual.logging.level == log::Level::Info);
    CHECK(usual.logging.format == log::Format::Json);
    CHECK(usual.logging.access.format == config::AccessLog::Json);
    CHECK(usual.logging.output == "stderr");
    CHECK(usual.logging.access.output == "stdout");
    auto to_file =
        of("[logging]\nlevel = 'debug'\nformat = 'text'\noutput = 'file'\nfile_path = "
           "'/var/log/p.log'\n");
    CHECK(to_file.logging.level == log::Level::Debug);
    CHECK(to_file.logging.format == log::Format::Text);
    CHECK(to_file.logging.access.format == config::AccessLog::Text);
    CHECK(to_file.logging.output == "file");
    CHECK(to_file.logging.path == "/var/log/p.log");
    CHECK(to_file.logging.access.output == "file");
    CHECK(to_file.logging.access.path == "/var/log/p.log");
    auto to_console = of("[logging]\noutput = 'console'\nfile_path = '/var/log/p.log'\n");
    CHECK(to_console.logging.output == usual.logging.output);
    CHECK(to_console.logging.access.output == usual.logging.access.output);
    CHECK(of("[metrics]\nenabled = true\n").metrics.listen.text == "0.0.0.0:9090");
    auto metrics = of("[metrics]\nenabled = true\nlisten_addr = '127.0.0.1:9999'\n").metrics;
    CHECK(metrics.enabled);
    CHECK(metrics.listen.text == "127.0.0.1:9999");
  }

  TEST_CASE("a file of one dialect does not speak another") {
    CHECK_FALSE(dialect_of({}));
    CHECK(load("services: [{name: a, bind_address: 'x:1', upstreams: ['y:1']}]\n", "t.yaml").ok());
    auto mixed = load(
        "proxy: {listen_addr: 'x:1', management_api_addr: 'x:2'}\nservices: []\n"
        "virtual_hosts: []\n",
        "t.yaml");
    CHECK(std::ranges::any_of(mixed.findings, [](auto& f) {
      return f.code == Code::UnknownKey && f.message.contains("'services'");
    }));
  }
}

}  // namespace
}  // namespace cirque::config
