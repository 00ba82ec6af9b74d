#pragma once
// How often something may be asked for: the first thing that is looked at once it is known where a
// request goes. docs/rate-limits.md has it for operators.
#include "cirque/exchange.h"
#include "config/blueprint.h"
#include "control/lane.h"

namespace cirque::control {

// Counts the request by all limits that it meets; or 429, when one of them is used up, with
// Retry-After and the RateLimit fields in the answer's stamps and the limit's name in the log.
//
// Of one limit never a request more passes than it allows, whatever the workers do. What one limit
// refuses is not counted by the others: all are asked before any is charged. Only where another
// request takes the last one between the two is a charge undone, and a third request may see it in
// that instant, to be refused where it need not have been.
//
// Time is when the request's first byte came: a slow head cannot make a request younger.
Result<Unit> meet_rate_limits(Exchange& exchange, const Lane& lane,
                              const config::Decision& decision);

}  // namespace cirque::control
