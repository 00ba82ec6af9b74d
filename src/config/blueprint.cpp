#include "config/blueprint.h"

#include <fmt/format.h>

#include <algorithm>

namespace cirque::config {
namespace {

// The host without its port.
std::string_view host_of(std::string_view authority) noexcept {
  auto end = authority.starts_with('[') ? authority.find(']') : 0;
  if (end == authority.npos) return authority;
  return authority.substr(0, authority.find(':', end));
}

// Once for the workers and once for those who look for the route in another way.
[[gnu::always_inline]] inline Decision decision_on(const Blueprint& plan, const LanePlan& lane,
                                                   const route::Match& match,
                                                   const route::Facts& facts,
                                                   std::uint64_t random) noexcept {
  if (!match) {
    bool has_host = match.host != kNone;
    return {.kind = has_host ? Decision::Kind::NoRoute : Decision::Kind::NoHost,
            .host = has_host ? lane.hosts[match.host] : kNone};
  }
  const RoutePlan& route = plan.routes[match.target];
  const Target& target = route.target;
  Decision decision{.kind = Decision::Kind::Forward, .index = target.index, .route = &route};
  decision.host = lane.hosts[match.host];
  switch (target.kind) {
    case Target::Kind::Pool:
      break;
    case Target::Kind::Split: {
      const auto& split = plan.splits[target.index];
      decision.index = split.pools[split.split.by_chance(random)];
      break;
    }
    case Target::Kind::Table: {
      decision.table = &plan.tables[target.index];
      if (facts.headers) decision.key = facts.headers->get(decision.table->header);
      if (decision.key.empty()) {
        decision.kind = Decision::Kind::NoKey;
        break;
      }
      auto found = decision.table->keys.find(decision.key);
      decision.index = found->target;  // a table without default does not compile
      decision.key_known = found->known;
      break;
    }
    case Target::Kind::Redirect:
      decision.kind = Decision::Kind::Redirect;
      break;
    case Target::Kind::Respond:
      decision.kind = Decision::Kind::Respond;
      break;
    case Target::Kind::Report:
      decision.kind = Decision::Kind::Report;
      break;
  }
  return decision;
}

}  // namespace

std::string_view Decision::route_reason(std::uint32_t pool) const noexcept {
  if (!key_known) return "default";
  return table->is_tier[pool] ? "tier" : "dedicated";
}

Decision Blueprint::decide(const LanePlan& lane, const route::Facts& facts,
                           std::uint64_t random) const noexcept {
  return decision_on(*this, lane, lane.router->match(facts), facts, random);
}

Decision Blueprint::lead(const LanePlan& lane, const route::Match& match, const route::Facts& facts,
                         std::uint64_t random) const noexcept {
  return decision_on(*this, lane, match, facts, random);
}

void RatesMet::add(std::uint32_t rate) noexcept {
  if (std::find(begin(), end(), rate) != end() || size_ == at_.size()) return;
  at_[size_++] = rate;
}

Decision Blueprint::only_decision(const LanePlan& lane) const noexcept {
  const auto& route = routes[lane.only_route];
  return {.kind = Decision::Kind::Forward,
          .index = route.target.index,
          .route = &route,
          .host = lane.hosts.front()};
}

RatesMet Blueprint::rates_met(const LanePlan& lane, const Decision& decision) const noexcept {
  RatesMet met;
  if (lane.only_route != kNone) {
    met.add(lane.only_rates);
    return met;
  }
  met.add(lane.rates);
  if (decision.host != kNone) met.add(host_rates[decision.host]);
  if (decision.route) met.add(decision.route->rates);
  if (decision.table && decision.table->has_rates) {
    if (auto found = decision.table->rates.find(decision.key)) met.add(found->target);
  }
  if (decision.kind == Decision::Kind::Forward) met.add(pools[decision.index].rates);
  return met;
}

Refusal Blueprint::refusal(const Decision& decision) const noexcept {
  switch (decision.kind) {
    case Decision::Kind::NoHost:
      return {404, "no_virtual_host"};
    case Decision::Kind::NoRoute:
      return {404, "no_route"};
    case Decision::Kind::NoKey:
      return {400, "routing_key_missing"};
    case Decision::Kind::Redirect:
      return {static_cast<int>(redirects[decision.index].status), {}};
    case Decision::Kind::Respond:
      return {static_cast<int>(responds[decision.index].status), {}};
    case Decision::Kind::Report:
      return {200, {}};
    case Decision::Kind::Forward:
      break;
  }
  return {0, {}};
}

const http::PageTemplate* Blueprint::error_page(const LanePlan& lane, std::string_view authority,
                                                int status,
                                                http::PageLanguage language) const noexcept {
  if (!host_error_pages.empty()) {
    auto match = lane.router->match({.host = authority});
    const auto* own = match.host == kNone
                          ? nullptr
                          : host_error_pages[lane.hosts[match.host]].find(status, language);
    if (own) return own;
  }
  return error_pages.find(status, language);
}

const LanePlan* Blueprint::lane(std::string_view name) const noexcept {
  for (const auto& lane : lanes) {
    if (lane.name == name) return &lane;
  }
  return nullptr;
}

std::string location_of(const Redirect& redirect, std::string_view scheme,
                        std::string_view authority, std::string_view path, std::string_view query) {
  bool moves = !redirect.host.empty() || (!redirect.scheme.empty() && redirect.scheme != scheme);
  bool keeps_port = redirect.port == 0 && !moves;
  std::string location(redirect.scheme.empty() ? scheme : redirect.scheme);
  location += "://";
  location += !redirect.host.empty() ? std::string_view(redirect.host)
              : keeps_port           ? authority
                                     : host_of(authority);
  if (redirect.port != 0) location += fmt::format(":{}", redirect.port);
  location += redirect.path.empty() ? path : redirect.path;
  if (!query.empty()) location += (redirect.path.contains('?') ? '&' : '?') + std::string(query);
  return location;
}

}  // namespace cirque::config
