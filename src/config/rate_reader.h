#pragma once
// From a rate limit as a file has it to its plan.
#include "config/places.h"
#include "config/rate_plan.h"

namespace cirque::config {

// What is wrong with the limit in itself is reported; the plan is sound in any case.
RatePlan rate_plan_of(const RateLimit& limit, const Places& places, Report& report);

}  // namespace cirque::config
