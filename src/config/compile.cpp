// From a model to its blueprint: names are looked up, routers compiled, and whatever leads nowhere
// is reported.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "config/answer_check.h"
#include "config/blueprint.h"
#include "config/critic.h"
#include "config/error_pages.h"
#include "config/health_reader.h"
#include "config/pool_reader.h"
#include "config/rate_reader.h"
#include "config/redirect_circle.h"
#include "config/route_findings.h"
#include "config/route_reader.h"
#include "config/secrets.h"
#include "config/unused.h"
#include "http/forwarding.h"
#include "route/name_index.h"
#include "route/predicate_reader.h"

namespace cirque::config {
namespace {

using Index = route::NameIndex;

// The name that was meant, or none.
std::string nearest(const Index& known, std::string_view name) {
  std::string_view best;
  std::size_t distance = name.size() < 2 ? 1 : name.size() < 4 ? 2 : 3;
  for (const auto& [candidate, number] : known.entries()) {
    auto d = base::edit_distance(name, candidate);
    if (d < distance || (d == distance && !best.empty() && candidate < best)) {
      distance = d;
      best = candidate;
    }
  }
  return best.empty() ? std::string() : fmt::format("did you mean '{}'?", best);
}

class Compiler : Critic {
 public:
  Compiler(const Model& model, const Places& places, const Secrets& secrets, Report& report)
      : Critic(places, report), model_(model), secrets_(secrets) {}

  std::shared_ptr<const Blueprint> run() {
    read_names();
    read_rates();
    read_pools();
    read_fallbacks();
    read_tables();
    read_hosts();
    read_lanes();
    tell_unused(model_, plan_, std::move(uses_), places_, report_);
    warn_of_circles();
    read_error_pages();
    read_trusted_proxies();
    plan_.interests = std::make_shared<const Interests>(std::move(interests_));
    return std::make_shared<const Blueprint>(std::move(plan_));
  }

 private:
  // What is none is told by others.
  void read_trusted_proxies() {
    for (const auto& text : model_.server.trusted_proxies) {
      if (auto network = Network::parse(text)) plan_.trusted_proxies.push_back(*network);
    }
  }

  void read_names() {
    for (const auto& backend : model_.backends) {
      auto number = static_cast<std::uint32_t>(backends_.size());
      auto [first, is_new] = backends_.emplace(backend.id, number);
      if (!is_new) twice("backends", backend.id, model_.backends[first].id);
    }
    for (const auto& backend : model_.backends) {
      for (const auto& tag : backend.tags) tags_.emplace(tag, 0);
    }
    Index certificates;
    for (std::uint32_t i = 0; i < model_.certificates.size(); ++i) {
      const auto& one = model_.certificates[i];
      auto [first, is_new] = certificates.emplace(one.name, i);
      if (!is_new) twice("certificates", one.name, model_.certificates[first].name);
    }
    for (std::uint32_t i = 0; i < model_.listeners.size(); ++i) {
      const auto& listener = model_.listeners[i];
      auto [first, is_new] = listeners_.emplace(listener.name, i);
      if (!is_new) twice("listeners", listener.name, model_.listeners[first].name);
    }
  }

  // A name that has no place of its own is reported already, or was never given.
  void twice(std::string_view what, const std::string& name, const std::string& first) {
    if (!places_.at(&name)) return;
    auto is_service = [&](const std::string& text) {
      return places_.path(&text).starts_with("services[");
    };
    bool both = is_service(name) && is_service(first);
    const auto* spot = places_.at(&first);
    add(both ? Code::DuplicateService : Code::DuplicateName, &name,
        fmt::format("two {} are called '{}'{}", both ? "services" : what, name,
                    spot ? "; the first is " + report_.where(*spot, *places_.at(&name)) : ""))
        .expected = "a name of its own for every one of them";
  }

  void read_pools() {
    tag_health_ = health_policy_of(model_.tag_health, places_, report_);
    for (std::uint32_t i = 0; i < model_.pools.size(); ++i) {
      const auto& pool = model_.pools[i];
      auto [first, is_new] = pools_.emplace(pool.name, i);
      auto is_service = [&](std::size_t number) { return number >= first_of_services(); };
      // Two services of one name are told as such.
      bool is_told = !is_new && is_service(i) && is_service(first);
      if (!is_new && !is_told) twice("pools", pool.name, model_.pools[first].name);
      auto& plan = plan_.pools.emplace_back(
          pool_plan_of(pool, {model_.timeouts, places_, secrets_, report_}));
      plan.rates = rates_of(pool.rate_limits);
      for (const auto& member : pool.backends) add_member(plan, member);
      plan.untagged = plan.origins.size();
      if (!pool.tag.empty()) add_tagged(plan, pool.tag, &pool.tag);
    }
  }

  void read_rates() {
    std::uint64_t entries = 0;
    for (std::uint32_t i = 0; i < model_.rate_limits.size(); ++i) {
      const auto& limit = model_.rate_limits[i];
      auto [first, is_new] = rates_.emplace(limit.name, i);
      if (!is_new) twice("rate_limits", limit.name, model_.rate_limits[first].name);
      plan_.rates.push_back(rate_plan_of(limit, places_, report_));
      check_entries(limit, entries += plan_.rates.back().entries);
    }
  }

  // Their memory is taken at once.
  void check_entries(const RateLimit& limit, std::uint64_t in_all) {
    constexpr std::uint64_t kEntriesMax = 100'000'000;  // 1.6 GB
    if (in_all <= kEntriesMax) return;
    const void* field = places_.at(&limit.entries) ? static_cast<const void*>(&limit.entries)
                                                   : static_cast<const void*>(&limit.name);
    add(Code::BadRateLimit, field,
        fmt::format("with '{}' the rate limits have {} entries, which take {} MB", limit.name,
                    in_all, in_all * 16 / 1'000'000))
        .expected = fmt::format("at most {} in all", kEntriesMax);
  }

  // kNone: reported.
  std::uint32_t rate_of(const std::string& name) {
    const auto* found = rates_.find(name);
    if (!found) {
      unknown("rate limit", name, rates_, &name);
      return kNone;
    }
    uses_.rates[*found] = true;
    return *found;
  }

  RateList rates_of(const std::vector<std::string>& names) {
    RateList list;
    for (const auto& name : names) {
      auto rate = rate_of(name);
      if (rate == kNone) continue;
      if (std::ranges::find(list, rate) != list.end()) {
        if (!places_.at(&name)) continue;  // made of two entries of one name, which is told
        add(Code::BadRateLimit, &name, fmt::format("'{}' is in the list already", name));
      } else if (list.size() == RatesMet::kListMax) {
        add(Code::BadRateLimit, &name, "there are too many rate limits in one place").expected =
            fmt::format("at most {}", RatesMet::kListMax);
      } else {
        list.push_back(rate);
      }
    }
    return list;
  }

  void read_key_rates(const RoutingTable& table, TablePlan& plan) {
    std::vector<route::KeySpec> keys;
    std::vector<const std::string*> written;
    for (const auto& [key, name] : table.rate_limits) {
      auto rate = rate_of(name);
      if (rate == kNone) continue;
      keys.push_back({key, rate});
      written.push_back(&key);
    }
    auto compiled = route::KeyTable::compile(keys);
    if (compiled) {
      plan.has_rates = !keys.empty();
      plan.rates = std::move(*compiled);
    } else if (compiled.error().kind != route::KeyTable::Refusal::Kind::Twice) {
      tell_bad_key(written[compiled.error().at], compiled.error());
    }
  }

  // Their pools come last: see lower.cpp.
  std::size_t first_of_services() const { return model_.pools.size() - model_.services.size(); }

  void read_fallbacks() {
    for (std::uint32_t i = 0; i < model_.pools.size(); ++i) {
      const auto& fallback = model_.pools[i].fallback;
      if (fallback.empty()) continue;
      plan_.pools[i].fallback = find_pool(fallback, &fallback);
      if (plan_.pools[i].fallback == i) {
        add(Code::ProxyLoop, &fallback,
            fmt::format("the pool '{}' cannot stand in for itself", fallback));
      }
    }
  }

  void add_member(PoolPlan& plan, const HostPort& member) {
    bool is_id = member.port == 0 && !member.address;
    if (!is_id) return add_origin(plan, member);
    if (const auto* found = backends_.find(member.text)) {
      uses_.backends[*found] = true;
      return add_origin(plan, model_.backends[*found]);
    }
    unknown("backend", member.text, backends_, &member);
  }

  static void add_origin(PoolPlan& plan, const HostPort& at) {
    plan.origins.push_back(
        {.text = at.text, .host = at.host, .port = at.port, .address = at.address});
  }

  static void add_origin(PoolPlan& plan, const Backend& backend) {
    add_origin(plan, backend.address);
    plan.ids.resize(plan.origins.size());
    plan.ids.back() = backend.id;
    auto& origin = plan.origins.back();
    origin.weight = backend.weight;
    origin.priority = backend.priority;
    origin.rank = backend.backup ? upstream::Rank::Backup : upstream::Rank::Main;
    origin.drains = backend.drain;
  }

  void add_tagged(PoolPlan& plan, const std::string& tag, const void* field) {
    uses_.are_tags_asked_for = true;
    plan.tag = tag;
    if (!tags_.contains(tag)) {
      unknown("backend with the tag", tag, tags_, field);
      return;
    }
    std::unordered_set<std::string> there;
    for (const auto& origin : plan.origins) there.insert(origin.text);
    for (std::size_t i = 0; i < model_.backends.size(); ++i) {
      const auto& backend = model_.backends[i];
      if (std::ranges::find(backend.tags, tag) == backend.tags.end()) continue;
      uses_.backends[i] = true;
      if (there.insert(backend.address.text).second) add_origin(plan, backend);
    }
  }

  void unknown(std::string_view what, std::string_view name, const Index& known,
               const void* field) {
    if (name.empty() || !places_.at(field) || report_.is_partial()) return;
    auto& finding = add(Code::UnknownName, field, fmt::format("there is no {} '{}'", what, name));
    // All names are looked at for a hint: too long for every line of a large file that is wrong.
    if (++unknown_ > kHintsMax) return;
    finding.hint = nearest(known, name);
    if (finding.hint.empty())
      finding.expected = known.empty() ? "one that is defined" : list(known);
  }

  static std::string list(const Index& known) {
    std::vector<std::string_view> names;
    for (const auto& [name, number] : known.entries()) names.push_back(name);
    std::ranges::sort(names);
    constexpr std::size_t kListedMax = 12;
    bool more = names.size() > kListedMax;
    if (more) names.resize(kListedMax);
    return fmt::format("one of {}{}", fmt::join(names, ", "), more ? ", ..." : "");
  }

  // kNone: reported, or to be.
  std::uint32_t find_pool(const std::string& name, const void* field) {
    if (const auto* found = pools_.find(name)) return *found;
    unknown("pool", name, pools_, field);
    return kNone;
  }

  // And it has something to do.
  std::uint32_t pool_of(const std::string& name, const void* field) {
    auto pool = find_pool(name, field);
    if (pool < uses_.pools.size()) uses_.pools[pool] = true;
    return pool;
  }

  std::uint32_t pool_of(const PoolTarget& target) {
    if (!target.pool.empty()) return pool_of(target.pool, &target.pool);
    auto [found, is_new] = tag_pools_.emplace(target.tag, plan_.pools.size());
    if (is_new) {
      Pool usual;
      usual.name = fmt::format("tag:{}", target.tag);
      // Checks that fail and requests that fail are held to one threshold; but one request alone
      // says too little.
      if (auto threshold = model_.tag_health.unhealthy_threshold; threshold > 1) {
        usual.passive_health.errors = usual.passive_health.gateway_errors = threshold;
      }
      auto& plan = plan_.pools.emplace_back(
          pool_plan_of(usual, {model_.timeouts, places_, secrets_, report_}));
      plan.health = tag_health_;
      add_tagged(plan, target.tag, &target.tag);
    }
    return found->second;
  }

  void read_tables() {
    for (std::uint32_t i = 0; i < model_.routing_tables.size(); ++i) {
      const auto& table = model_.routing_tables[i];
      auto [first, is_new] = tables_.emplace(table.name, i);
      if (!is_new) {
        twice("routing_tables", table.name, model_.routing_tables[first].name);
      }
      read_table(table);
    }
  }

  void read_table(const RoutingTable& table) {
    static const std::vector<std::string> kTiers = {"tier1", "tier2", "tier3"};
    TablePlan plan{.name = table.name, .header = table.header, .keys = {}, .is_tier = {}};
    std::vector<route::KeySpec> keys;
    keys.reserve(table.keys.size());
    // Also those whose pool is wrong, which is told: what is found of a key is told by its number.
    for (const auto& [key, pool] : table.keys) keys.push_back({key, pool_of(pool, &pool)});
    auto fallback = pool_of(table.fallback, &table.fallback);
    plan.otherwise = fallback;
    auto compiled = route::KeyTable::compile(keys, fallback);
    if (compiled) {
      plan.keys = std::move(*compiled);
    } else {
      refuse_key(table, compiled.error());
    }
    read_key_rates(table, plan);
    for (const auto& [key, pool] : table.keys) check_key(key);
    for (const auto& [key, rate] : table.rate_limits) check_key(key);
    check_key_header(table.header);
    ask_for_field(table.header);
    const auto& tiers = table.tiers.empty() ? kTiers : table.tiers;
    for (const auto& pool : model_.pools) {
      plan.is_tier.push_back(std::ranges::find(tiers, pool.name) != tiers.end());
    }
    for (const auto& tier : table.tiers) {
      if (!pools_.contains(tier)) unknown("pool", tier, pools_, &tier);
    }
    plan_.tables.push_back(std::move(plan));
  }

  // A key is what a field of a request says.
  void check_key(const std::string& key) {
    auto why = route::impossible_value(route::Test::Exact, key);
    bool is_told = why.empty() || !places_.at(&key);
    if (!is_told) add(Code::DeadRoute, &key, fmt::format("'{}' {}", key, why));
  }

  void check_key_header(const std::string& header) {
    if (http::is_kept(header)) return;
    add(Code::DeadRoute, &header,
        fmt::format("no request has a key in '{}': {}", header, why_kept_back(header)));
  }

  void refuse_key(const RoutingTable& table, const route::KeyTable::Refusal& refusal) {
    using Kind = route::KeyTable::Refusal::Kind;
    if (refusal.at >= table.keys.size() || refusal.kind == Kind::Twice) return;  // by the reader
    tell_bad_key(&table.keys[refusal.at].key, refusal);
  }

  void tell_bad_key(const std::string* key, const route::KeyTable::Refusal& refusal) {
    using Kind = route::KeyTable::Refusal::Kind;
    add(Code::BadText, key,
        refusal.kind == Kind::Empty ? "a key cannot be empty" : "the key is too long")
        .expected = "1 to 65535 bytes";
  }

  void read_hosts() {
    specs_.resize(model_.virtual_hosts.size());
    Index names(model_.virtual_hosts.size());
    for (std::uint32_t i = 0; i < model_.virtual_hosts.size(); ++i) {
      const auto& host = model_.virtual_hosts[i];
      specs_[i].names = host.hosts;
      specs_[i].routes.reserve(host.routes.size());
      plan_.hosts.push_back(host.name);
      plan_.host_rates.push_back(rates_of(host.rate_limits));
      auto [first, is_new] = names.emplace(host.name, i);
      bool is_twin = !is_new;
      if (is_twin) twice("virtual_hosts", host.name, model_.virtual_hosts[first].name);
      is_twin_.push_back(is_twin);
      if (host.listeners.empty() && places_.at(&host.listeners)) {
        add(Code::NoValue, host.listeners, "'listeners' is empty: the host would be on none")
            .expected = "at least one item, or not the key";
      }
      for (const auto& name : host.listeners) {
        if (!listeners_.contains(name)) unknown("listener", name, listeners_, &name);
      }
      Index routes;
      for (const auto& route : host.routes) {
        auto number = static_cast<std::uint32_t>(&route - host.routes.data());
        if (!route.name.empty()) {
          auto [first_route, is_new_route] = routes.emplace(route.name, number);
          if (!is_new_route) twice("routes", route.name, host.routes[first_route].name);
        }
        read_route(i, host, route);
      }
    }
  }

  void read_route(std::uint32_t host_number, const VirtualHost& host, const Route& route) {
    auto spec = route_spec_of(route, places_, report_);
    for (const auto& test : route.headers) ask_for_field(test.name);
    for (const auto& test : route.query) ask_for(interests_.parameters, test.name);
    for (const auto& test : route.cookies) ask_for(interests_.cookies, test.name);
    spec.target = static_cast<std::uint32_t>(plan_.routes.size());
    spec.is_torn = asks_unknown(route);
    specs_[host_number].routes.push_back(std::move(spec));
    auto label = route.name.empty() ? std::string() : fmt::format("{}/{}", host.name, route.name);
    auto id = base::hash(
        label.empty() ? fmt::format("{}#{}", host.name, &route - host.routes.data()) : label);
    plan_.routes.push_back({std::move(label), target_of(route), rates_of(route.rate_limits), id});
  }

  // Part of what it asks for is wrong and told: without that it would seem to take everything.
  bool asks_unknown(const Route& route) const {
    static constexpr std::string_view kOthers[] = {"name",    "pool",          "tag",
                                                   "split",   "routing_table", "redirect",
                                                   "respond", "report",        "rate_limits"};
    return report_.has_errors() &&
           report_.has_errors_under(places_.path_of_record(&route), file_of(&route), kOthers);
  }

  static void ask_for(std::vector<std::string>& names, const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }

  void ask_for_field(const std::string& name) {
    if (!is_secret_field(name)) ask_for(interests_.fields, base::lowered(name));
  }

  Target target_of(const Route& route) {
    int targets = !route.target.pool.empty();
    targets += !route.target.tag.empty();
    targets += !route.split.empty();
    targets += !route.routing_table.empty();
    targets += route.redirect.is_set();
    targets += route.respond.is_set();
    targets += !route.report.empty();
    constexpr std::string_view kTargets =
        "one of pool, tag, split, routing_table, redirect, respond, report";
    if (targets != 1) {
      // What is wrong in itself is reported already, and counts as given.
      if (targets == 0 && is_spoiled(&route)) return {};
      if (targets == 0 && places_.at(&route.redirect.status)) {
        add(Code::OneTarget, &route.redirect.status, "the redirect leads nowhere").expected =
            "scheme, host, port or path beside the status";
        return {};
      }
      add_record(Code::OneTarget, &route,
                 targets == 0 ? "the route leads nowhere" : "the route leads to several places")
          .expected = kTargets;
      return {};
    }
    using enum Target::Kind;
    if (route.target.is_set()) return {Pool, pool_of(route.target)};
    if (!route.split.empty()) return {Split, split_of(route)};
    if (!route.routing_table.empty()) return {Table, table_of(route)};
    if (route.redirect.is_set()) return {Redirect, redirect_of(route.redirect)};
    if (!route.report.empty()) return {Report, 0};
    return {Respond, response_of(route.respond)};
  }

  std::uint32_t split_of(const Route& route) {
    SplitPlan plan;
    std::vector<std::uint32_t> weights;
    for (const auto& share : route.split) {
      bool is_none = !share.target.is_set();
      bool is_both = !share.target.pool.empty() && !share.target.tag.empty();
      if (is_both || (is_none && !is_spoiled(&share))) {
        add_record(Code::OneTarget, &share, "a share goes to one pool or tag").expected =
            "pool or tag";
      }
      if (is_both || is_none) continue;
      plan.pools.push_back(pool_of(share.target));
      weights.push_back(share.weight);
    }
    auto split = route::Split::of(weights);
    if (split) {
      plan.split = std::move(*split);
    } else if (!weights.empty()) {
      add_record(Code::OutOfRange, &route.split.front(), "all weights of the split are 0")
          .expected = "a weight above 0";
    }
    plan.weights = std::move(weights);
    plan_.splits.push_back(std::move(plan));
    return static_cast<std::uint32_t>(plan_.splits.size() - 1);
  }

  std::uint32_t table_of(const Route& route) {
    if (const auto* found = tables_.find(route.routing_table)) {
      uses_.tables[*found] = true;
      return *found;
    }
    unknown("routing table", route.routing_table, tables_, &route.routing_table);
    return kNone;
  }

  std::uint32_t redirect_of(const Redirect& redirect) {
    check_redirect(redirect, places_, report_);
    plan_.redirects.push_back(redirect);
    return static_cast<std::uint32_t>(plan_.redirects.size() - 1);
  }

  std::uint32_t response_of(const Respond& respond) {
    check_response(respond, places_, report_);
    plan_.responds.push_back(respond);
    return static_cast<std::uint32_t>(plan_.responds.size() - 1);
  }

  // By listener. Where two have the same name, which is an error, the second counts no further.
  std::vector<std::vector<std::uint32_t>> hosts_by_listener() const {
    std::vector<std::vector<std::uint32_t>> all(model_.listeners.size());
    for (std::uint32_t i = 0; i < model_.virtual_hosts.size(); ++i) {
      if (is_twin_[i]) continue;
      const auto& host = model_.virtual_hosts[i];
      for (const auto& name : host.listeners) {
        if (const auto* found = listeners_.find(name)) all[*found].push_back(i);
      }
      bool is_on_all = host.listeners.empty() && !is_spoiled(&host, "listeners");
      for (std::size_t k = 0; is_on_all && k < all.size(); ++k) all[k].push_back(i);
    }
    return all;
  }

  // Listeners with the same hosts share a router.
  void read_lanes() {
    std::map<std::vector<std::uint32_t>, std::shared_ptr<const route::Router>> routers;
    std::unordered_map<const route::Router*, std::vector<SecretTest>> secrets;
    auto hosts = hosts_by_listener();
    bool may_be_used = may_hide_uses(report_);
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const auto& listener = model_.listeners[i];
      if (hosts[i].empty() && places_.at_record(&listener) && !may_be_used) {
        add_record(Code::UnusedListener, &listener,
                   fmt::format("no virtual host is served on '{}': every request gets 404",
                               listener.name));
      }
      auto [router, is_new] = routers.try_emplace(hosts[i]);
      if (is_new) router->second = router_of(hosts[i]);
      LanePlan lane{.name = listener.name,
                    .address = listener.address,
                    .router = router->second,
                    .hosts = std::move(hosts[i]),
                    .rates = rates_of(listener.rate_limits)};
      if (is_new && lane.router) secrets[lane.router.get()] = secret_tests_of(*lane.router);
      lane.secrets = secrets[lane.router.get()];
      find_only_way(lane);
      plan_.lanes.push_back(std::move(lane));
    }
    judge_unserved();
  }

  // A host that no listener serves, by mistake: its names and routes are judged all the same.
  void judge_unserved() {
    std::vector<bool> is_served(model_.virtual_hosts.size());
    for (const auto& lane : plan_.lanes) {
      for (auto host : lane.hosts) is_served[host] = true;
    }
    for (std::uint32_t i = 0; i < is_served.size(); ++i) {
      if (!is_served[i]) router_of({i});
    }
  }

  std::shared_ptr<const route::Router> router_of(const std::vector<std::uint32_t>& hosts) {
    std::vector<const route::VirtualHostSpec*> specs;
    for (auto host : hosts) specs.push_back(&specs_[host]);
    auto compiled = route::Router::compile_selected(specs);
    tell_findings(compiled.findings, model_, hosts, places_, report_);
    return std::move(compiled.router);
  }

  // Where there is one route for everything, nobody has to look for it.
  void find_only_way(LanePlan& lane) const {
    auto number = only_route(lane);
    if (number == kNone) return;
    const auto& route = plan_.routes[number];
    const auto& pool = plan_.pools[route.target.index];
    RatesMet met;
    met.add(lane.rates);
    met.add(plan_.host_rates[lane.hosts.front()]);
    met.add(route.rates);
    met.add(pool.rates);
    if (met.size() == 0 && pool.is_plain() && route.label.empty()) {
      lane.only_pool = route.target.index;
    } else {
      lane.only_route = number;
      lane.only_rates.assign(met.begin(), met.end());
    }
  }

  std::uint32_t only_route(const LanePlan& lane) const {
    if (lane.hosts.size() != 1) return kNone;
    const auto& host = model_.virtual_hosts[lane.hosts.front()];
    bool takes_all = host.hosts == std::vector<std::string>{"*"} && host.routes.size() == 1;
    if (!takes_all) return kNone;
    const auto& spec = specs_[lane.hosts.front()].routes.front();
    bool asks = spec.path.kind != route::PathKind::Any || !spec.methods.empty() ||
                !spec.sources.empty() || !spec.headers.empty() || !spec.query.empty() ||
                !spec.cookies.empty();
    const auto& target = plan_.routes[spec.target].target;
    bool is_plain = !asks && target.kind == Target::Kind::Pool && target.index != kNone;
    return is_plain ? spec.target : kNone;
  }

  void read_error_pages() {
    plan_.error_pages = error_pages_of(model_.error_pages);
    bool has_own = std::ranges::any_of(model_.virtual_hosts,
                                       [](auto& host) { return !host.error_pages.empty(); });
    if (!has_own) return;
    for (const auto& host : model_.virtual_hosts)
      plan_.host_error_pages.push_back(error_pages_of(host.error_pages));
  }

  void warn_of_circles() {
    for (const auto& lane : plan_.lanes) {
      for (auto host : lane.hosts) {
        if (lane.router) warn_of_circles(*lane.router, host);
      }
    }
  }

  // What lanes have in common is told once: see Report::take().
  void warn_of_circles(const route::Router& router, std::uint32_t number) {
    const auto& host = model_.virtual_hosts[number];
    for (std::size_t i = 0; i < host.routes.size() && !host.hosts.empty(); ++i) {
      const auto& to = host.routes[i].redirect;
      bool is_circle =
          to.is_set() && leads_to_itself(to, specs_[number].routes[i], router, host.hosts.front());
      if (!is_circle) continue;
      const auto& field = to.path.empty() ? to.scheme : to.path;
      if (!places_.at(&field)) continue;
      add(Code::RedirectCircle, &field, "the redirect leads back to its own route").hint =
          "clients follow it until they give up";
    }
  }

  Finding& add_record(Code code, const void* record, std::string message) {
    const auto* spot = places_.at_record(record);
    return report_.add(code, spot ? *spot : Spot{}, places_.path_of_record(record),
                       std::move(message));
  }

  static constexpr std::size_t kHintsMax = 100;

  const Model& model_;
  const Secrets& secrets_;
  Blueprint plan_;
  Interests interests_;
  std::size_t unknown_ = 0;
  Index backends_, tags_, listeners_, pools_, tables_, rates_;
  Uses uses_{model_};
  std::map<std::string, std::uint32_t> tag_pools_;
  upstream::HealthPolicy tag_health_;
  std::vector<route::VirtualHostSpec> specs_;  // of the hosts
  std::vector<bool> is_twin_;                  // by host: another has its name
};

}  // namespace

std::shared_ptr<const Blueprint> compile(const Model& model, const Places& places,
                                         const Secrets& secrets, Report& report) {
  return Compiler(model, places, secrets, report).run();
}

}  // namespace cirque::config
