#pragma once
// A listener as its requests see it.
#include <memory>
#include <vector>

#include "config/blueprint.h"
#include "control/rate_accounts.h"
#include "upstream/guard.h"
#include "upstream/pool.h"

namespace cirque::control {

struct Serving {
  std::shared_ptr<upstream::Pool> pool;
  std::shared_ptr<upstream::Guard> guard;
};

// `pools` and `rates` by their indices in the blueprint.
struct Lane {
  std::shared_ptr<const config::Blueprint> blueprint;
  const config::LanePlan* plan;
  std::vector<Serving> pools;
  std::vector<std::shared_ptr<RateAccounts>> rates;
};

}  // namespace cirque::control
