#pragma once
// The pools of the configuration as they run, kept true by the steward.
#include <memory>
#include <set>
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

  // Whatever the configuration says: the backend that is written like that gets nothing new in any
  // pool, or gets it again. False: none lists it.
  bool set_drained(const std::string& backend, bool drained);
  bool lists(std::string_view backend) const;
  std::vector<std::shared_ptr<upstream::Backend>> backends(std::string_view backend) const;
  std::uint32_t connections(std::string_view backend) const;  // open ones

  // Of those that limit their requests.
  std::vector<observe::PoolCounts> counts() const;

  // Of the backends that have limits or breakers of their own.
  std::vector<observe::GateCounts> gate_counts() const;

  // Of one that runs, by its name.
  config::PoolState state(const std::string& pool) const;

 private:
  struct Running;

  upstream::KeeperSettings settings_of(const config::PoolPlan& plan, Duration dns_refresh) const;
  std::vector<upstream::Origin> origins_of(const config::PoolPlan& plan) const;
  std::shared_ptr<upstream::Pool> make_pool(const std::string& name);
  std::unique_ptr<Running> make(const config::PoolPlan& plan, Duration dns_refresh);

  proxy::Engine& engine_;
  net::Resolver& resolver_;
  upstream::HealthPace health_pace_;
  const std::string own_key_;
  std::set<std::string> drained_;  // by order
  Duration dns_refresh_{};
  std::unordered_map<std::string, std::unique_ptr<Running>> running_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // pools may outlive us
};

}  // namespace cirque::app
