#pragma once
// From a rate limit as a file has it to its plan.
#include <string_view>

#include "config/places.h"
#include "config/rate_plan.h"
#include "config/values.h"

namespace cirque::config {

// "address", "header:X-Api-Key", "cookie:session", "query:user", "host", "route", "pool",
// "listener", "method"
Value<RatePart> parse_rate_part(std::string_view text);

// What is wrong with the limit in itself is reported; the plan is sound in any case.
RatePlan rate_plan_of(const RateLimit& limit, const Places& places, Report& report);

}  // namespace cirque::config
