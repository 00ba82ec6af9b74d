#pragma once
// Finds routes that can never match because another one takes every request that they would.
#include <span>

#include "route/draft.h"
#include "route/finding.h"
#include "route/predicate.h"

namespace cirque::route {

// `drafts` are the routes of one host in the order of trying. What is reported is proved; what only
// several routes together take, or what hides in the overlap of two regular expressions, is not
// seen, and of routes with equal paths and no exact field only the first kCompaniesMax are
// compared with all others.
inline constexpr std::size_t kCompaniesMax = 256;
void find_unreachable(std::span<const Draft> drafts, const Predicates& predicates,
                      std::uint32_t host, Findings& findings);

}  // namespace cirque::route
