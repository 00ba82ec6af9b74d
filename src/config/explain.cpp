#include "config/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "config/health_reader.h"
#include "config/values.h"
#include "route/explain.h"

namespace cirque::config {
namespace {

// "path_prefix /api, GET", or "everything".
std::string asks(const Route& route) {
  std::vector<std::string> parts;
  auto take = [&](std::string_view what, const std::string& text) {
    if (!text.empty()) parts.push_back(fmt::format("{} {}", what, text));
  };
  take("path", route.path);
  take("path_prefix", route.path_prefix);
  take("path_pattern", route.path_pattern);
  take("path_regex", route.path_regex);
  if (!route.methods.empty()) parts.push_back(fmt::format("{}", fmt::join(route.methods, " or ")));
  if (!route.sources.empty()) {
    parts.push_back(fmt::format("from {}", fmt::join(route.sources, " or ")));
  }
  for (const auto& f : route.headers) parts.push_back(fmt::format("header {}", f.name));
  for (const auto& f : route.query) parts.push_back(fmt::format("parameter {}", f.name));
  for (const auto& f : route.cookies) parts.push_back(fmt::format("cookie {}", f.name));
  return parts.empty() ? std::string("everything") : fmt::format("{}", fmt::join(parts, ", "));
}

std::string name_of(const Route& route, std::uint32_t number) {
  return route.name.empty() ? fmt::format("route {}", number + 1) : route.name;
}

bool is_full(const upstream::OriginState& backend) {
  return backend.places_max > 0 && backend.places >= backend.places_max;
}

// Nobody overtakes those who wait.
bool is_full(const PoolState& pool) {
  return pool.places_max && (pool.places >= *pool.places_max || pool.waiting > 0);
}

// Of those who would take a request, each has as many as it may have.
bool are_all_full(const PoolPlan& pool, const std::vector<upstream::OriginState>& backends) {
  bool is_any = false;
  for (std::size_t i = 0; i < backends.size() && i < pool.origins.size(); ++i) {
    const auto& one = backends[i];
    bool takes = one.usable > 0 && !one.drains && !one.is_cut && pool.origins[i].weight > 0;
    if (takes && !is_full(one)) return false;
    is_any |= takes;
  }
  return is_any;
}

// The backends of a pool beside each other: who takes turns, and who waits for them to fail.
class Backends {
 public:
  // Empty states: nothing is known.
  Backends(const PoolPlan& pool, const std::vector<upstream::OriginState>& states)
      : pool_(pool), states_(states) {
    for (std::size_t i = 0; i < pool.origins.size(); ++i) order_.push_back(i);
    std::ranges::sort(order_, {}, [&](std::size_t i) { return std::tuple(tier_of(i), i); });
    share_out();
  }

  // So few are well that all are asked.
  bool panics() const noexcept { return !states_.empty() && footing_ == upstream::Footing::Panic; }

  // Those that come first in front.
  const std::vector<std::size_t>& in_order() const noexcept { return order_; }

  // Who is well has no weight, and so nobody gets anything.
  bool give_nothing() const {
    auto is_idle = [&](std::size_t i) { return pool_.origins[i].weight == 0 && !drains(i); };
    return std::ranges::any_of(order_, is_idle) &&
           std::ranges::none_of(order_, [&](std::size_t i) { return gets_some(i); });
  }

  std::string told(std::size_t place) const {
    const auto* state = state_of(place);
    bool has_weight = pool_.origins[place].weight > 0;
    if (!has_weight && !drains(place)) return told_without_weight(state);
    if (drains(place)) {
      if (!state) return "drains: gets nothing new";
      return fmt::format("drains: gets nothing new, {} connection{} left", state->connections,
                         state->connections == 1 ? "" : "s");
    }
    bool waits = std::ranges::find(due_, tier_of(place)) == due_.end();
    if (!state) {
      return waits ? "stands by for those before it; health is not known here"
                   : "health is not known here";
    }
    if (!state->is_known) return "its name has no address yet";
    if (!state->is_healthy && panics() && !waits) {
      return "down, and asked all the same: too few are well (balance.panic_below)";
    }
    if (!state->is_healthy) return "down: gets nothing until a check succeeds";
    if (state->is_cut) return "its circuit breaker is open: gets nothing until that is over";
    if (state->is_ejected) return "left out for its bad answers";
    if (is_full(*state)) {
      return fmt::format("full: {} of {} requests are under way", state->places, state->places_max);
    }
    return waits ? "healthy: stands by for those before it" : "healthy: takes its turn";
  }

 private:
  using Tier = std::tuple<upstream::Rank, std::uint32_t>;

  bool gets_some(std::size_t place) const {
    if (pool_.origins[place].weight == 0 || drains(place)) return false;
    const auto* state = state_of(place);
    return !state || (state->is_known && (state->is_healthy || panics()));
  }

  // Whoever has its cookie is sent there past all methods, as long as it is well.
  std::string told_without_weight(const upstream::OriginState* state) const {
    bool is_well = !state || (state->is_known && state->is_healthy && !state->is_ejected);
    std::string_view how = !state ? "health is not known here" : is_well ? "healthy" : "not well";
    bool keeps = pool_.terms.sticky && is_well;
    return fmt::format("{}: gets nothing{} for its weight", how,
                       keeps ? " but the clients that it keeps," : "");
  }

  Tier tier_of(std::size_t place) const {
    return {pool_.origins[place].rank, pool_.origins[place].priority};
  }

  const upstream::OriginState* state_of(std::size_t place) const {
    return place < states_.size() ? &states_[place] : nullptr;
  }

  bool drains(std::size_t place) const {
    const auto* state = state_of(place);
    return state ? state->drains : pool_.origins[place].drains;
  }

  // As the balancers of the workers do.
  void share_out() {
    std::vector<Tier> tiers;
    std::vector<upstream::TierHealth> healths;
    std::vector<double> open;  // of those that are usable, those whom no breaker cuts off
    for (auto place : order_) {
      if (tiers.empty() || tiers.back() != tier_of(place)) {
        tiers.push_back(tier_of(place));
        healths.push_back({.rank = pool_.origins[place].rank});
        open.push_back(0);
      }
      if (drains(place)) continue;
      const auto* state = state_of(place);
      double weight = pool_.origins[place].weight;
      healths.back().weight += weight * (state ? state->members : 1);
      healths.back().usable += weight * (state ? state->usable : 1);
      if (!state || !state->is_cut) open.back() += weight;
    }
    // A tier that nobody can enter is passed by.
    for (std::size_t i = 0; i < tiers.size(); ++i) {
      if (open[i] == 0) healths[i].usable = 0;
    }
    std::vector<double> shares(tiers.size());
    footing_ = upstream::share_out(healths, pool_.terms.balancer.spill, shares);
    for (std::size_t i = 0; i < tiers.size(); ++i) {
      if (shares[i] > 0) due_.push_back(tiers[i]);
    }
  }

  const PoolPlan& pool_;
  const std::vector<upstream::OriginState>& states_;
  std::vector<std::size_t> order_;
  std::vector<Tier> due_;  // that get requests at this moment
  upstream::Footing footing_ = upstream::Footing::Normal;
};

class Explainer {
 public:
  Explainer(const Model& model, const Blueprint& blueprint, const Question& question,
            const ExplainOptions& options)
      : model_(model),
        blueprint_(blueprint),
        question_(question),
        facts_(question.facts()),
        options_(options) {}

  std::string run() {
    const auto* lane =
        options_.listener.empty() ? &blueprint_.lanes.front() : blueprint_.lane(options_.listener);
    if (!lane) return fmt::format("there is no listener '{}'\n", options_.listener);
    const auto& request = question_.request();
    bool is_told = question_.source() != question_.peer();
    line("request", fmt::format("{} {}://{}{} from {}{}", request.method_text, request.scheme,
                                request.authority, request.target, question_.source().ip_text(),
                                is_told ? ", told by " + question_.peer().ip_text() : ""));
    line("listener", fmt::format("{} ({})", lane->name, lane->address.text));
    if (auto refusal = question_.refusal()) {
      line("outcome", answered(*refusal));
      return std::move(out_);
    }
    auto told = route::explain(*lane->router, facts_);
    tell_host(*lane, told);
    line("path", std::string(facts_.path));
    if (told.match.host != kNone) tell_routes(host_of(*lane, told.match.host), told);
    auto decision = blueprint_.decide(*lane, facts_, 0);
    tell_rates(*lane, decision);
    tell_outcome(decision);
    return std::move(out_);
  }

 private:
  void line(std::string_view key, std::string_view text) {
    fmt::format_to(std::back_inserter(out_), "{:<14} {}\n", key, text);
  }

  const VirtualHost& host_of(const LanePlan& lane, std::uint32_t number) const {
    return model_.virtual_hosts[lane.hosts[number]];
  }

  void tell_host(const LanePlan& lane, const route::Explanation& told) {
    using By = route::HostTable::By;
    auto name = told.host_name.empty() ? std::string("no name") : told.host_name;
    if (told.match.host == kNone) {
      line("virtual host", fmt::format("none has the name {}", name));
      if (told.nearest_name) {
        line("nearest", fmt::format("{} ({})", told.nearest_name->name,
                                    host_of(lane, told.nearest_name->host).name));
      }
      return;
    }
    std::string_view by = told.host_by == By::Name       ? "by its name"
                          : told.host_by == By::Wildcard ? "by a wildcard"
                                                         : "the default";
    line("virtual host", fmt::format("{} ({}, {})", host_of(lane, told.match.host).name, by, name));
  }

  void tell_routes(const VirtualHost& host, const route::Explanation& told) {
    bool taken = false;
    for (const auto& candidate : told.candidates) {
      const auto& route = host.routes[candidate.route];
      auto what = fmt::format("{} ({})", name_of(route, candidate.route), asks(route));
      if (candidate.failure) {
        line("  no", fmt::format("{}: {} was wanted, {} was there", what, candidate.failure->wanted,
                                 candidate.failure->found));
      } else {
        line(std::exchange(taken, true) ? "  would, too" : "  takes it", what);
      }
    }
    if (told.left_out > 0) line("  ...", fmt::format("{} more routes", told.left_out));
    if (told.nearest) tell_nearest(host, *told.nearest);
  }

  void tell_nearest(const VirtualHost& host, const route::NearMiss& nearest) {
    using route::Slip;
    std::string_view slip = nearest.slip == Slip::FinalSlash ? ": only the final slash differs"
                            : nearest.slip == Slip::LetterCase
                                ? ": only upper and lower case differ"
                            : nearest.slip == Slip::Spelling ? ": the spelling is near"
                                                             : "";
    line("nearest", fmt::format("{}, where {} was wanted and {} was there{}",
                                name_of(host.routes[nearest.route], nearest.route),
                                nearest.first.wanted, nearest.first.found, slip));
  }

  // Of a split, those of one of its pools.
  void tell_rates(const LanePlan& lane, const Decision& decision) {
    for (auto rate : blueprint_.rates_met(lane, decision)) {
      line("rate limit", blueprint_.rates[rate].told);
    }
  }

  void tell_outcome(const Decision& decision) {
    auto [status, reason] = blueprint_.refusal(decision);
    switch (decision.kind) {
      case Decision::Kind::Redirect: {
        auto to = location_of(blueprint_.redirects[decision.index], question_.request().scheme,
                              facts_.host, facts_.path, facts_.query);
        return line("outcome", fmt::format("redirect with {} to {}", status, to));
      }
      case Decision::Kind::Respond:
        return line("outcome", fmt::format("answered here with {}", status));
      case Decision::Kind::Report:
        return line("outcome", "answered here with 200: a report on the configuration");
      case Decision::Kind::Forward:
        return tell_pool(decision);
      default:
        return line("outcome", answered({status, reason}));
    }
  }

  void tell_pool(const Decision& decision) {
    if (decision.table) {
      line("routing table",
           fmt::format("{}: {} {} is {}", decision.table->name, decision.table->header,
                       decision.key, decision.key_known ? "known" : "not known: the default"));
      line("reason", decision.route_reason(decision.index));
    }
    if (decision.route->target.kind == Target::Kind::Split) return tell_split(decision);
    if (auto refusal = tell_full("pool", decision.index))
      return line("outcome", answered(*refusal));
    auto way = way_of(decision);
    for (const auto& [pool, obstacle] : way.passed) {
      line("pool", fmt::format("{}: {}", name_of_pool(pool), obstacle_at(pool, obstacle)));
      tell_backends(pool);
    }
    if (way.error) return tell_error("outcome", way);
    if (auto refusal = tell_full_stand_in("pool", way, decision)) {
      return line("outcome", answered(*refusal));
    }
    line("outcome", fmt::format("pool {}{}", name_of_pool(way.arrival.pool), stead(way, decision)));
    tell_backends(way.arrival.pool);
    tell_reserve(way, decision);
    tell_timeouts();
  }

  void tell_split(const Decision& decision) {
    const auto& split = blueprint_.splits[decision.route->target.index];
    auto sum = std::accumulate(split.weights.begin(), split.weights.end(), std::uint64_t{0});
    line("outcome", "one of several pools, by chance");
    for (std::size_t i = 0; i < split.pools.size(); ++i) {
      bool is_asked = split.weights[i] > 0;
      line("  pool", fmt::format("{} (weight {} of {}{})", name_of_pool(split.pools[i]),
                                 split.weights[i], sum, is_asked ? "" : ": gets nothing"));
      if (!is_asked) continue;
      auto side = decision;
      side.index = split.pools[i];
      tell_side(side);
    }
    tell_timeouts();
  }

  void tell_side(const Decision& side) {
    if (auto refusal = tell_full("  not now", side.index))
      return line("  then", answered(*refusal));
    auto way = way_of(side);
    for (const auto& [pool, obstacle] : way.passed) {
      line("  not now", fmt::format("{}: {}", name_of_pool(pool), obstacle_at(pool, obstacle)));
      tell_backends(pool);
    }
    if (way.error) return tell_error("  then", way);
    if (auto refusal = tell_full_stand_in("  not now", way, side)) {
      return line("  then", answered(*refusal));
    }
    if (!way.passed.empty()) {
      line("  then", fmt::format("pool {}{}", name_of_pool(way.arrival.pool), stead(way, side)));
    }
    tell_backends(way.arrival.pool);
    tell_reserve(way, side);
  }

  // From the pool that was decided on to the one that takes it, at this moment.
  struct Way {
    Arrival arrival;
    std::vector<std::pair<std::uint32_t, Obstacle>> passed;
    std::optional<Refusal> error;  // nobody takes it
  };

  struct Eyes {
    const Explainer& explainer;
    Way& way;

    bool admits(std::uint32_t pool) const { return explainer.state_of(pool).admits; }

    bool has_healthy(std::uint32_t pool) const { return explainer.state_of(pool).has_healthy; }

    bool is_cut(std::uint32_t pool) const { return explainer.state_of(pool).is_cut; }

    void pass_by(std::uint32_t pool, Obstacle obstacle) const {
      way.passed.emplace_back(pool, obstacle);
    }
  };

  // One look at each pool: what is said of it in two places would differ if it changed between
  // them.
  const PoolState& state_of(std::uint32_t pool) const {
    auto [seen, is_new] = seen_.try_emplace(pool);
    if (is_new && options_.look) seen->second = options_.look(pool);
    return seen->second;
  }

  // A pool's own limit, which holds before anything else. None: it has room, or a place in line.
  std::optional<Refusal> tell_full(std::string_view key, std::uint32_t pool) {
    const auto& now = state_of(pool);
    if (!is_full(now)) return std::nullopt;
    line(key, fmt::format("{}: full, {} of {} requests are under way and {} wait",
                          name_of_pool(pool), now.places, *now.places_max, now.waiting));
    auto most = blueprint_.pools[pool].guard.queue.size;
    if (most == 0) return Refusal{429, "concurrency_limit"};
    if (now.waiting >= most) return Refusal{503, "queue_full"};
    return std::nullopt;
  }

  // Who stands in is asked for its own limit, too.
  std::optional<Refusal> tell_full_stand_in(std::string_view key, const Way& way,
                                            const Decision& decision) {
    bool is_another = way.arrival.pool != decision.index;
    return is_another ? tell_full(key, way.arrival.pool) : std::nullopt;
  }

  bool panics(std::uint32_t pool) const {
    return Backends(blueprint_.pools[pool], state_of(pool).origins).panics();
  }

  // A client that one of them keeps by its cookie may still be taken.
  bool gives_nothing(std::uint32_t pool) const {
    const auto& plan = blueprint_.pools[pool];
    return !plan.terms.sticky && Backends(plan, state_of(pool).origins).give_nothing();
  }

  // Where nothing is known of health, to the first.
  Way way_of(const Decision& decision) const {
    Way way{.arrival = {.pool = decision.index}, .passed = {}, .error = {}};
    if (!options_.look) {
      if (gives_nothing(decision.index)) way.error = {503, "no_healthy_backend"};
      return way;
    }
    way.arrival = find_open(blueprint_, decision, Eyes{*this, way});
    auto refusal = way.arrival.refusal;
    const auto& last = state_of(way.arrival.pool);
    if (refusal == Obstacle::None) {
      if (gives_nothing(way.arrival.pool)) way.error = {503, "no_healthy_backend"};
      const auto& pool = blueprint_.pools[way.arrival.pool];
      bool may_wait = pool.guard.queue.size > 0;
      if (!may_wait && are_all_full(pool, last.origins)) way.error = {429, "concurrency_limit"};
      return way;
    }
    if (refusal == Obstacle::Unhealthy && !way.arrival.is_circle && panics(way.arrival.pool)) {
      way.passed.pop_back();
      return way;
    }
    bool is_unresolved = !way.arrival.is_circle && last.is_empty;
    way.error = {503, refusal == Obstacle::CircuitOpen ? "circuit_open"
                      : is_unresolved                  ? "upstream_dns_failed"
                                                       : "no_healthy_backend"};
    return way;
  }

  std::string obstacle_at(std::uint32_t pool, Obstacle obstacle) const {
    if (obstacle == Obstacle::Unhealthy) return "none of its backends is healthy";
    bool is_own = !state_of(pool).admits;
    return is_own ? "its circuit breaker is open" : "the circuit breakers of its backends are open";
  }

  // Why it is not the pool that was decided on; empty: it is.
  std::string stead(const Way& way, const Decision& decision) const {
    if (way.passed.empty()) return {};
    return fmt::format(", which stands in for {} ({})", name_of_pool(decision.index),
                       config::name_of(way.arrival.failover));
  }

  // With who would take it, were there room.
  void tell_error(std::string_view key, const Way& way) {
    if (way.arrival.refusal == Obstacle::None) tell_backends(way.arrival.pool);
    line(key, answered(*way.error));
  }

  // What would come after the pool that takes it, if that one could not.
  struct Doom {
    std::vector<std::uint32_t>& pools;

    static bool admits(std::uint32_t) { return true; }

    static bool has_healthy(std::uint32_t) { return false; }

    static bool is_cut(std::uint32_t) { return false; }

    void pass_by(std::uint32_t pool, Obstacle) const { pools.push_back(pool); }
  };

  void tell_reserve(const Way& way, const Decision& decision) {
    std::vector<std::uint32_t> pools;
    auto from = decision;
    from.index = way.arrival.pool;
    find_open(blueprint_, from, Doom{pools});
    for (std::size_t i = 1; i < pools.size(); ++i) {
      const auto& before = blueprint_.pools[pools[i - 1]];
      bool has_breaker = before.guard.has_breaker || before.terms.gates.has_breaker();
      bool is_for_both = has_breaker && before.fallback != kNone;
      line("  fallback",
           fmt::format("{} stands in when {}no backend of {} is healthy", name_of_pool(pools[i]),
                       is_for_both ? "a circuit breaker is open or " : "", before.name));
    }
  }

  const std::string& name_of_pool(std::uint32_t pool) const { return blueprint_.pools[pool].name; }

  static std::string answered(const Refusal& refusal) {
    return fmt::format("answered here with {}: {}", refusal.status, refusal.reason);
  }

  void tell_backends(std::uint32_t number) {
    const auto& pool = blueprint_.pools[number];
    const auto& now = state_of(number);
    if (!pool.health.path.empty()) line("  checked by", told_of(pool.health));
    if (now.circuit == upstream::CircuitState::HalfOpen) {
      line("  breaker", "half-open: lets one request through, which decides");
    }
    if (pool.origins.empty()) line("  backend", "none: every request gets 503");
    Backends backends(pool, now.origins);
    for (auto i : backends.in_order()) {
      const auto& origin = pool.origins[i];
      line("  backend", fmt::format("{} ({}{}{})", origin.text, backends.told(i),
                                    standing_of(origin), descent_of(pool, i)));
    }
  }

  // Why it is among them, where nobody has named it.
  static std::string descent_of(const PoolPlan& pool, std::size_t place) {
    if (place < pool.untagged || place >= pool.ids.size()) return {};
    return fmt::format("; {}, by its tag {}", pool.ids[place], pool.tag);
  }

  // What is not as usual.
  static std::string standing_of(const upstream::Origin& origin) {
    std::string out;
    if (origin.weight != 1) out += fmt::format("; weight {}", origin.weight);
    if (origin.priority != 0) out += fmt::format("; priority {}", origin.priority);
    if (origin.rank == upstream::Rank::Backup) out += "; backup";
    return out;
  }

  void tell_timeouts() {
    const auto& t = model_.timeouts;
    line("timeouts", fmt::format("connect {}, answer {}, silence {}, in all {}",
                                 text_of(t.upstream_connect), text_of(t.upstream_header),
                                 text_of(t.upstream_idle), text_of(t.request_total)));
  }

  const Model& model_;
  const Blueprint& blueprint_;
  const Question& question_;
  route::Facts facts_;
  const ExplainOptions& options_;
  mutable std::map<std::uint32_t, PoolState> seen_;
  std::string out_;
};

}  // namespace

std::string explain_text(const Model& model, const Blueprint& blueprint, const Question& question,
                         const ExplainOptions& options) {
  return Explainer(model, blueprint, question, options).run();
}

bool finds_route(const LanePlan& lane, const Question& question) {
  return !question.refusal() && lane.router->match(question.facts());
}

std::string explain_line(const Blueprint& blueprint, const LanePlan& lane, const Decision& decision,
                         const Arrival* arrival) {
  auto host = decision.host == kNone ? std::string("none") : blueprint.hosts[decision.host];
  auto line = fmt::format("listener={}; virtual_host={}", lane.name, host);
  if (decision.route && !decision.route->label.empty()) {
    line +=
        fmt::format("; route={}", std::string_view(decision.route->label).substr(host.size() + 1));
  }
  if (decision.table) {
    line += fmt::format("; table={}; key={}", decision.table->name,
                        decision.key_known ? "known" : "unknown");
  }
  for (std::string_view between = "; rate_limits=";
       auto rate : blueprint.rates_met(lane, decision)) {
    line += std::exchange(between, ",");
    line += blueprint.rates[rate].name;
  }
  auto [status, reason] = blueprint.refusal(decision);
  if (arrival) {
    line +=
        fmt::format("; pool={}; instead_of={}; failover={}", blueprint.pools[arrival->pool].name,
                    blueprint.pools[decision.index].name, name_of(arrival->failover));
  } else if (decision.kind == Decision::Kind::Forward) {
    line += fmt::format("; pool={}", blueprint.pools[decision.index].name);
  } else {
    line += fmt::format("; status={}", status);
    if (!reason.empty()) line += fmt::format("; reason={}", reason);
  }
  return line;
}

std::string with_error(std::string_view line, const Refusal& error) {
  if (line.contains("; status=")) return std::string(line);
  return fmt::format("{}; status={}; reason={}", line, error.status, error.reason);
}

}  // namespace cirque::config
