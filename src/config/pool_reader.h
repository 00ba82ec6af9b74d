#pragma once
// From a pool as a file has it to its plan.
#include "config/blueprint.h"
#include "config/places.h"

namespace cirque::config {

struct PoolContext {
  const Timeouts& timeouts;
  const Places& places;
  const Secrets& secrets;
  Report& report;
};

// All that the pool says of itself; its origins, fallback and rate limits, which are names, are for
// the compiler to look up. What is wrong in itself is reported; the plan is sound in any case.
PoolPlan pool_plan_of(const Pool& pool, const PoolContext& context);

}  // namespace cirque::config
