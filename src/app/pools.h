#pragma once
// The pools of the configuration as they run, kept true by the steward.
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/blueprint.h"
#include "config/explain.h"
#include "control/lane.h"
#include "net/resolver.h"
#include "proxy/engine.h"
#include "upstream/keeper.h"

namespace cirque::app {

// Lives on the steward's thread; engine and resolver outlive it. A pool lives as long as anybody
// has it; what keeps it true ends when the configuration names it no more.
class Pools {
 public:
  Pools(proxy::Engine& engine, net::Resolver& resolver);
  ~Pools();

  struct Change {
    int added = 0, changed = 0, removed = 0, unchanged = 0;
  };

  // From now on these, by name; backends that stay keep their connections and their health. By
  // index of the blueprint.
  std::vector<control::Serving> apply(const config::Blueprint& wanted, Duration dns_refresh,
                                      Change& change);

  // Of the backends of that pool, in the order of its origins.
  std::vector<upstream::OriginState> states(const std::string& pool) const;

 private:
  struct Running;

  upstream::KeeperSettings settings_of(const config::PoolPlan& plan, Duration dns_refresh) const;
  std::shared_ptr<upstream::Pool> make_pool(const std::string& name);
  std::unique_ptr<Running> make(const config::PoolPlan& plan, Duration dns_refresh);

  proxy::Engine& engine_;
  net::Resolver& resolver_;
  const std::string own_key_;
  std::unordered_map<std::string, std::unique_ptr<Running>> running_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // pools may outlive us
};

}  // namespace cirque::app
