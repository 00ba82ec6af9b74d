#include "app/estate.h"

#include "loop/loop.h"

namespace cirque::app {

Estate::Estate(proxy::Engine& engine, net::Resolver& resolver)
    : engine_(engine), pools_(engine, resolver), listeners_(engine) {
  listeners_.on_gone = [this] { publish(); };
  engine_.on_published = [this] { rate_limits_.settle(loop::monotonic_now()); };
  engine_.registry().gates = [this] { return pools_.gate_counts(); };
  engine_.registry().pools = [this] { return pools_.counts(); };
  engine_.registry().rate_limits = [this] { return rate_limits_.counts(); };
}

Estate::~Estate() {
  engine_.on_published = [] {};
  engine_.registry().gates = [] { return std::vector<observe::GateCounts>(); };
  engine_.registry().pools = [] { return std::vector<observe::PoolCounts>(); };
  engine_.registry().rate_limits = [] { return std::vector<observe::RateCounts>(); };
}

std::expected<Estate::Change, std::string> Estate::apply(const config::Loaded& loaded,
                                                         std::string in_use) {
  const auto& blueprint = loaded.blueprint;
  auto move = listeners_.prepare(*blueprint);
  if (!move) return std::unexpected(std::move(move.error()));
  Change change;
  auto pools = pools_.apply(*blueprint, loaded.model.timeouts.dns_refresh, change.pools);
  drains_.settle();
  auto rates = rate_limits_.apply(*blueprint);
  std::vector<std::shared_ptr<const control::Lane>> lanes;
  for (const auto& plan : blueprint->lanes) {
    lanes.push_back(std::make_shared<const control::Lane>(blueprint, &plan, pools, rates));
  }
  listeners_.assign(*move, std::move(lanes));
  blueprint_ = blueprint;
  timeouts_ = loaded.model.timeouts;
  limits_ = loaded.model.limits;
  trusted_proxies_ = loaded.model.server.trusted_proxies;
  in_use_ = std::move(in_use);
  publish();
  change.listeners = listeners_.commit(std::move(*move));
  return change;
}

config::PoolState Estate::state(std::uint32_t pool) const {
  return pools_.state(blueprint_->pools[pool].name);
}

void Estate::publish() {
  auto routing = listeners_.routing();
  for (const auto& text : trusted_proxies_) {
    if (auto network = Network::parse(text)) routing->trusted.push_back(*network);
  }
  routing->in_use = in_use_;
  routing->sampler = &sampler_;
  engine_.publish(timeouts_, limits_, trusted_proxies_, std::move(routing));
}

}  // namespace cirque::app
