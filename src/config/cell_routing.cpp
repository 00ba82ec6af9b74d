// From the files of a router for cells to the model.
#include "config/cell_routing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <ranges>

#include "base/hash.h"
#include "base/text.h"
#include "config/dialect.h"
#include "config/values.h"

namespace cirque::config {
namespace {

using cells::File;
using cells::Placement;
using cells::Rate;

constexpr const char* kListener = "router";
constexpr const char* kTable = "cells";

class Lowering {
 public:
  // `table` is how the file calls it, for messages.
  Lowering(File& file, std::string_view table, std::string_view otherwise, const Reading& reading)
      : file_(file),
        table_name_(table),
        otherwise_name_(otherwise),
        model_(reading.model),
        places_(reading.places),
        report_(reading.report),
        environment_(reading.environment) {}

  void run() {
    version();
    listener();
    if (!places_.at(&model_.server.watch_config)) model_.server.watch_config = true;
    for (const auto& endpoint : file_.endpoints) {
      add_pool(endpoint.key, &endpoint.key, endpoint.value);
    }
    for (auto& placement : file_.placements) add_placement(placement);
    for (const auto& placement : file_.placements) settings(placement);
    table();
    rates();
    host();
  }

 private:
  void version() {
    model_.version = file_.version;
    if (file_.version.empty() && places_.at(&file_.version)) {
      report_
          .add(Code::BadText, *places_.at(&file_.version), "version", "version must be non-empty")
          .expected = "a text such as 1.0.0";
    }
  }

  void listener() {
    auto port = environment_("PORT");
    auto text = fmt::format("0.0.0.0:{}", port && !port->empty() ? *port : "8080");
    auto address = parse_host_port(text, Use::Listen);
    if (!address) {
      report_
          .add(Code::BadAddress, {}, {},
               fmt::format("the environment variable PORT is '{}', which is no port", *port))
          .expected = "1 to 65535";
      return;
    }
    model_.listeners.push_back({kListener, std::move(*address)});
  }

  void add_placement(const Placement& placement) {
    if (pools_.contains(placement.name)) return;  // cellEndpoints have its URL
    if (!placement.url.empty()) return add_pool(placement.name, &placement.name, placement.url);
    pools_.emplace(placement.name, nullptr);
    const auto* spot = places_.at_record(&placement);
    auto path = places_.path_of_record(&placement);
    if (!spot || report_.is_partial() || report_.has_errors_under(path, spot->file)) return;
    report_
        .add(Code::MissingKey, *spot, std::move(path),
             fmt::format("invalid URL for placement '{}': it has none", placement.name))
        .expected = "url: http://cell:9001";
  }

  void add_pool(const std::string& name, const void* name_field, const std::string& url) {
    pools_.emplace(name, nullptr);
    auto refuse = [&](Code code, std::string_view why) -> Finding& {
      const auto* spot = places_.at(&url);
      bool has_user = url.contains('@');  // and his password, perhaps
      auto shown = has_user ? std::string("it") : fmt::format("'{}'", url);
      auto& finding =
          report_.add(code, spot ? *spot : Spot{}, places_.path(&url),
                      fmt::format("invalid URL for placement '{}': {} {}", name, shown, why));
      if (has_user && spot) report_.hide(*spot);
      return finding;
    };
    constexpr std::string_view kExpected = "http:// and a host, such as http://cell-tier1:9001";
    auto scheme = base::lowered(std::string_view(url).substr(0, url.find(':')));
    if (scheme == "https") {
      refuse(Code::NotYet, "needs TLS towards the endpoint, which is not supported yet");
      return;
    }
    constexpr std::string_view kScheme = "http://";
    bool is_http = scheme == "http" && url.substr(scheme.size()).starts_with("://");
    if (!is_http) {
      refuse(Code::BadAddress, "has no http:// in front").expected = kExpected;
      return;
    }
    auto authority = std::string_view(url).substr(kScheme.size());
    authority = authority.substr(0, authority.find_first_of("/?#"));
    // A user is nobody's host, and a host called unix would be taken for a socket.
    if (authority.contains('@') || authority.starts_with("unix:")) {
      refuse(Code::BadAddress, "has more than a host and a port").expected = kExpected;
      return;
    }
    bool has_port = authority.find(':', authority.ends_with(']')  ? authority.size()
                                        : authority.contains(']') ? authority.find(']')
                                                                  : 0) != authority.npos;
    auto address =
        parse_host_port(fmt::format("{}{}", authority, has_port ? "" : ":80"), Use::Connect);
    if (!address) {
      auto& finding = refuse(Code::BadAddress, "names no host: " + address.error().message);
      finding.expected = kExpected;
      return;
    }
    auto& pool = model_.pools.emplace_back();
    pool.name = name;
    pool.host = authority;
    pool.backends = {std::move(*address)};
    pool.health_check = {.timeout = 2s,
                         .interval = 10s,
                         .unhealthy_threshold = 1,
                         .healthy_threshold = 1,
                         .path = "/health"};
    pool.circuit_breaker = {.failure_threshold = cells::kFailures, .timeout = 30s};
    pool.retries.attempts = 0;
    pool.max_request_body = cells::kBodyMax;
    pools_[name] = &pool;
    places_.same(&pool.name, name_field);
    places_.same(pool.backends.data(), &url);
  }

  void settings(const Placement& placement) {
    auto* pool = pools_[placement.name];
    bool is_unknown = !placement.fallback.empty() && !pools_.contains(placement.fallback);
    if (is_unknown && places_.at(&placement.fallback)) {
      unknown(&placement.fallback, fmt::format("placement '{}' references unknown fallback '{}'",
                                               placement.name, placement.fallback));
    }
    if (!pool) return;
    pool->health_check.interval = placement.probe.interval;
    pool->health_check.timeout = placement.probe.timeout;
    pool->health_check.path = placement.probe.path;
    places_.same(&pool->health_check.interval, &placement.probe.interval);
    places_.same(&pool->health_check.timeout, &placement.probe.timeout);
    places_.same(&pool->health_check.path, &placement.probe.path);
    // To a program in Go, 0 is what is not there.
    auto failures = placement.breaker.failures;
    pool->circuit_breaker = {.failure_threshold = failures > 0 ? failures : cells::kFailures,
                             .timeout = placement.breaker.timeout};
    if (placement.retries.most > 0) pool->retries = retries_of(placement.retries);
    pool->concurrency_limit = placement.concurrency;
    if (places_.at(&placement.body_bytes)) pool->max_request_body = placement.body_bytes;
    if (!leads_to(placement.fallback)) return;
    pool->fallback = placement.fallback;
    places_.same(&pool->fallback, &placement.fallback);
  }

  // A placement has one endpoint, so that is whom we ask again.
  static Retries retries_of(const cells::Retry& retry) {
    return {.attempts = retry.most,
            .statuses = {"5xx"},
            .same_backend = true,
            .backoff = retry.backoff,
            .backoff_max = retry.backoff_max};
  }

  // After the table and the pools, which name them.
  void rates() {
    for (const auto& rate : file_.rates) {
      bool has_key = !rate.key.empty();
      if (has_key == !rate.placement.empty()) {
        tell_two_things(rate);
      } else if (has_key) {
        limit_key(rate);
      } else {
        limit_placement(rate);
      }
    }
  }

  void limit_placement(const Rate& rate) {
    auto found = pools_.find(rate.placement);
    if (found == pools_.end() && places_.at(&rate.placement)) {
      unknown(&rate.placement,
              fmt::format("rate_limits references unknown placement '{}'", rate.placement));
    }
    if (found == pools_.end() || !found->second) return;
    auto name = fmt::format("placement:{}", printable(rate.placement));
    found->second->rate_limits.push_back(add_limit(rate, std::move(name), &rate.placement));
  }

  // The key need not be in the table: then it is one of those that go to the default.
  void limit_key(const Rate& rate) {
    auto name = fmt::format("key:{}", printable(rate.key));
    auto& limits = model_.routing_tables.back().rate_limits;
    limits.push_back({rate.key, add_limit(rate, std::move(name), &rate.key)});
  }

  // A tenth of a second's requests at once: then in no second more than a tenth too many pass.
  const std::string& add_limit(const Rate& rate, std::string name, const void* field) {
    auto& limit = model_.rate_limits.emplace_back();
    limit.name = std::move(name);
    limit.requests = rate.rps;
    limit.burst = rate.burst > 0 ? rate.burst : std::max(1U, rate.rps / 10);
    places_.same(&limit.name, field);
    places_.same(&limit.requests, &rate.rps);
    return limit.name;
  }

  // As names of rate limits have to be: see rate_reader.cpp. Two keys never get one name.
  static std::string printable(std::string_view text) {
    std::string out;
    for (char c : text) {
      bool is_plain = c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '%';
      if (is_plain) {
        out += c;
      } else {
        out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
      }
    }
    constexpr std::size_t kShownMax = 100;  // beyond, it is told by its hash
    if (out.size() <= kShownMax) return out;
    return fmt::format("{}~{:016x}", out.substr(0, kShownMax), base::hash(text));
  }

  void tell_two_things(const Rate& rate) {
    const auto* spot = places_.at_record(&rate);
    bool is_told = !spot || (rate.key.empty() &&
                             report_.has_errors_under(places_.path_of_record(&rate), spot->file));
    if (is_told) return;
    report_
        .add(
            Code::BadRateLimit, *spot, places_.path_of_record(&rate),
            rate.key.empty() ? "this rate limit is of nothing" : "this rate limit is of two things")
        .expected = "placement or routing_key";
  }

  void unknown(const void* field, std::string message) {
    if (report_.is_partial()) return;
    auto& finding =
        report_.add(Code::UnknownName, *places_.at(field), places_.path(field), std::move(message));
    constexpr std::size_t kListedMax = 12;
    auto names = pools_ | std::views::keys | std::views::take(kListedMax);
    if (!pools_.empty()) {
      finding.expected = fmt::format("one of {}{}", fmt::join(names, ", "),
                                     pools_.size() > kListedMax ? ", ..." : "");
    }
  }

  // Names that nobody knows are told here, in the words of these files, and have no places then.
  // What is wrong with a URL is told already.
  void table() {
    auto& table = model_.routing_tables.emplace_back();
    table.name = kTable;
    table.keys = file_.table;
    table.fallback = file_.otherwise;
    for (std::size_t i = 0; i < file_.table.size(); ++i) {
      const auto& [key, placement] = file_.table[i];
      places_.same(&table.keys[i].key, &key);
      if (leads_to(placement)) {
        places_.same(&table.keys[i].value, &placement);
      } else if (!pools_.contains(placement) && places_.at(&placement)) {
        unknown(&placement, fmt::format("{}[{}] references unknown placement '{}'", table_name_,
                                        key, placement));
      }
    }
    if (leads_to(file_.otherwise)) {
      places_.same(&table.fallback, &file_.otherwise);
    } else if (!pools_.contains(file_.otherwise) && places_.at(&file_.otherwise)) {
      unknown(&file_.otherwise,
              fmt::format("{} '{}' not found in endpoints", otherwise_name_, file_.otherwise));
    }
  }

  void host() {
    auto& host = model_.virtual_hosts.emplace_back();
    host.name = kTable;
    host.hosts = {"*"};
    host.listeners = {kListener};
    host.routes.resize(2);
    host.routes[0].name = "debug";
    host.routes[0].path = "/debug/config";
    host.routes[0].report = "configuration";
    host.routes[1].routing_table = kTable;
  }

  bool leads_to(const std::string& placement) const {
    auto found = pools_.find(placement);
    return found != pools_.end() && found->second;
  }

  File& file_;
  std::string_view table_name_, otherwise_name_;
  Model& model_;
  Places& places_;
  Report& report_;
  const Environment& environment_;
  std::map<std::string, Pool*, std::less<>> pools_;  // null: a placement without a good URL
};

// The times that such a router keeps.
void preset(Model& model) {
  auto& t = model.timeouts;
  t.client_header = 15s;
  t.client_body = 15s;
  t.client_write = 30s;
  t.client_idle = 60s;
  t.upstream_connect = 5s;
  t.upstream_header = 10s;
  t.upstream_idle = 30s;
  t.upstream_keepalive = 90s;
  t.request_total = 30s;
  t.drain = 10s;
  model.logging.access.format = AccessLog::Cells;
}

// Of a placement that is nothing but its URL, a map that has it.
Entry tidied(const Entry& placement, TreeMemory& memory) {
  const auto& [name, value] = placement;
  if (value.kind != Node::Kind::Scalar || value.broken) return placement;
  Node url = name;
  url.text = "url";
  url.spot = value.spot;
  Node map;
  map.kind = Node::Kind::Map;
  map.spot = value.spot;
  map.entries = memory.keep_all(std::array{Entry{url, value}});
  return {name, map};
}

void tidy(Node& tree, std::string_view list, TreeMemory& memory) {
  auto placement = [&](const Entry& entry) { return tidied(entry, memory); };
  auto section = [&](Entry entry) {
    bool is_list = entry.key.text == list && entry.value.kind == Node::Kind::Map;
    auto& within = entry.value.entries;
    if (is_list) within = memory.keep_all(within | std::views::transform(placement));
    return entry;
  };
  tree.entries = memory.keep_all(tree.entries | std::views::transform(section));
}

bool has_any(const Node& tree, std::initializer_list<std::string_view> keys) {
  return std::ranges::any_of(
      tree.entries, [&](auto& e) { return std::ranges::find(keys, e.key.text) != keys.end(); });
}

}  // namespace

const Dialect& cell_routing() {
  static const Dialect dialect{
      .name = "cell routing",
      .schema = cells::schema(),
      .is_spoken =
          [](const Node& tree) {
            return has_any(tree,
                           {"routingTable", "cellEndpoints", "placements", "defaultPlacement"});
          },
      .preset = preset,
      .tidy = [](Node& tree, TreeMemory& memory) { tidy(tree, "placements", memory); },
      .lower =
          [](void* record, const Reading& reading) {
            Lowering(*static_cast<File*>(record), "routingTable", "defaultPlacement", reading)
                .run();
          },
  };
  return dialect;
}

const Dialect& cell_routing_draft() {
  static const Dialect dialect{
      .name = "cell routing (draft)",
      .schema = cells::draft_schema(),
      .is_spoken =
          [](const Node& tree) {
            return has_any(tree,
                           {"customer_to_placement", "placement_to_endpoint", "default_placement"});
          },
      .preset = preset,
      .tidy = [](Node& tree, TreeMemory& memory) { tidy(tree, "placement_to_endpoint", memory); },
      .lower =
          [](void* record, const Reading& reading) {
            Lowering(*static_cast<File*>(record), "customer_to_placement", "default_placement",
                     reading)
                .run();
          },
  };
  return dialect;
}

}  // namespace cirque::config
