#pragma once
// The routes that a request may take of which not everything is known any more.
#include <cstdint>
#include <functional>
#include <vector>

#include "route/plan.h"
#include "route/router.h"

namespace cirque::route {

enum class Answer : std::uint8_t { Holds, Fails, Unknown };

// The predicates are those of the router.
using Judge = std::function<Answer(const Predicates&, const Predicate&)>;

// `match` is the route, if all that is unknown of what it asks for holds. A miss asks for nothing.
struct Possibility {
  Match match;
  std::vector<const Predicate*> unknown;
};

// Of whom there are more, so little is known that nobody wants to hear the rest.
inline constexpr std::size_t kPossibleMax = 32;

// In the order in which the router tries them, the first kPossibleMax. Of the one behind them,
// which takes the request if no other does, everything is known. Host, method and path are those of
// the facts.
std::vector<Possibility> possible_matches(const Router& router, const Facts& facts,
                                          const Judge& judge);

}  // namespace cirque::route
