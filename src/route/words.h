#pragma once
// Predicates and paths in words, for explanations.
#include <string>

#include "route/explain.h"
#include "route/plan.h"

namespace cirque::route {

// A condition that does not hold, and what the request has in its place.
Failure failure_of(const Predicate& predicate, const Predicates& predicates, const Facts& facts);
Failure path_failure(const PathLabel& label, const Texts& texts, const Facts& facts);

}  // namespace cirque::route
