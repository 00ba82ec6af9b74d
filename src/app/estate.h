#pragma once
// A configuration as it runs: listeners and pools, and how one configuration becomes the next while
// requests flow.
#include <expected>
#include <string>

#include "app/drains.h"
#include "app/listeners.h"
#include "app/pools.h"
#include "app/rate_limits.h"
#include "config/explain.h"
#include "config/load.h"

namespace cirque::app {

// Lives on the steward's thread; engine and resolver outlive it.
class Estate {
 public:
  Estate(proxy::Engine& engine, net::Resolver& resolver);
  Estate(const Estate&) = delete;
  Estate& operator=(const Estate&) = delete;
  ~Estate();

  struct Change {
    Listeners::Change listeners;
    Pools::Change pools;
  };

  // From now on this. All or nothing: when something cannot be bound, all stays as it is, and the
  // log and what comes back say what it was. What is the same before and after is not touched; of
  // what changes, the backends that stay keep their connections and their health; what goes ends
  // its connections when they have nothing to do. Requests in progress end under what they began
  // with. `in_use`: what routes report of the configuration from then on.
  std::expected<Change, std::string> apply(const config::Loaded& loaded, std::string in_use);

  // Of a pool, by its index in the blueprint.
  config::PoolState state(std::uint32_t pool) const;

  // Open ones of a listener, by its name.
  std::uint32_t connections(std::string_view listener) const {
    return listeners_.connections(listener);
  }

  Drains& drains() noexcept { return drains_; }

  // Of the last requests.
  std::vector<config::Sample> samples() const { return sampler_.all(); }

 private:
  void publish();

  proxy::Engine& engine_;
  Pools pools_;
  Drains drains_{engine_, pools_};
  RateLimits rate_limits_;
  Listeners listeners_;
  std::shared_ptr<const config::Blueprint> blueprint_;
  Timeouts timeouts_;
  Limits limits_;
  std::vector<std::string> trusted_proxies_;
  std::string in_use_;
  control::Sampler sampler_;
};

}  // namespace cirque::app
