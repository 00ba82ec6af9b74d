#pragma once
// Whose account a request is on: a hash of the parts of a request that a rate limit looks at.
#include <cstdint>

#include "base/keyed_hash.h"
#include "cirque/exchange.h"
#include "config/blueprint.h"

namespace cirque::control {

// What was asked, and where that leads.
struct RateSubject {
  Exchange& exchange;
  const config::Blueprint& blueprint;
  const config::LanePlan& lane;
  const config::Decision& decision;
};

// What the request does not have counts as an empty text, so that leaving it out is no way around
// the limit: all such requests share an account.
std::uint64_t rate_key(const config::RatePlan& plan, const base::HashKey& hash_key,
                       const RateSubject& subject);

}  // namespace cirque::control
