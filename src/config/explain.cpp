#include "config/explain.h"

#include <fmt/format.h>

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
    line("request", fmt::format("{} {}://{}{} from {}", request.method_text, request.scheme,
                                request.authority, request.target, question_.source().ip_text()));
    line("listener", fmt::format("{} ({})", lane->name, lane->address.text));
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
        return line("outcome", fmt::format("answered here with {}: {}", status, reason));
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
    line("outcome", fmt::format("pool {}", blueprint_.pools[decision.index].name));
    tell_backends(decision.index);
    tell_timeouts();
  }

  void tell_split(const Decision& decision) {
    const auto& split = blueprint_.splits[decision.route->target.index];
    line("outcome", "one of several pools, by chance");
    for (auto pool : split.pools) {
      line("  pool", blueprint_.pools[pool].name);
      tell_backends(pool);
    }
    tell_timeouts();
  }

  void tell_backends(std::uint32_t number) {
    const auto& pool = blueprint_.pools[number];
    auto states = options_.states ? options_.states(number) : std::vector<upstream::OriginState>();
    if (!pool.health.path.empty()) line("  checked by", told_of(pool.health));
    if (pool.origins.empty()) line("  backend", "none: every request gets 503");
    for (std::size_t i = 0; i < pool.origins.size(); ++i) {
      const auto& origin = pool.origins[i];
      auto state =
          i < states.size() ? state_of(states[i]) : std::string("health is not known here");
      line("  backend", fmt::format("{} ({}{})", origin.text, state, standing_of(origin)));
    }
  }

  static std::string state_of(const upstream::OriginState& state) {
    if (state.drains) {
      return fmt::format("drains: gets nothing new, {} connection{} left", state.connections,
                         state.connections == 1 ? "" : "s");
    }
    if (!state.is_known) return "its name has no address yet";
    if (!state.is_healthy) return "down: gets nothing until a check succeeds";
    if (state.is_cut) return "its circuit breaker is open: gets nothing until that is over";
    return state.is_ejected ? "left out for its bad answers" : "healthy: takes its turn";
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
  std::string out_;
};

}  // namespace

std::string explain_text(const Model& model, const Blueprint& blueprint, const Question& question,
                         const ExplainOptions& options) {
  return Explainer(model, blueprint, question, options).run();
}

std::string explain_line(const Blueprint& blueprint, const LanePlan& lane,
                         const route::Facts& facts) {
  auto match = lane.router->match(facts);
  auto decision = blueprint.decide(lane, facts, 0);
  auto host = match.host == kNone ? std::string("none") : blueprint.hosts[lane.hosts[match.host]];
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
  if (decision.kind == Decision::Kind::Forward) {
    line += fmt::format("; pool={}", blueprint.pools[decision.index].name);
  } else {
    line += fmt::format("; status={}", status);
    if (!reason.empty()) line += fmt::format("; reason={}", reason);
  }
  return line;
}

}  // namespace cirque::config
