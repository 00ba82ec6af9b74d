#include "route/doubt.h"

#include "route/walk.h"

namespace cirque::route {
namespace {

// What is not known is taken not to hold, and written down.
struct Doubter {
  static constexpr bool kSeesAll = false;

  const Predicate* first_failed(const Predicates& predicates, Predicates::Span span, const Facts&) {
    unknown.clear();
    const Predicate* at = predicates.begin_of(span);
    for (const Predicate* end = at + span.count; at != end; ++at) {
      auto answer = judge(predicates, *at);
      if (answer == Answer::Unknown) unknown.push_back(at);
      if (answer != Answer::Fails) continue;
      unknown.clear();
      return at;
    }
    return unknown.empty() ? nullptr : unknown.front();
  }

  void found_host(HostTable::Found found) { host = found.host; }

  void tried(const RoutePlan& route, const Predicate*) {
    if (unknown.empty() || possible.size() == kPossibleMax) return;
    Match match{.host = host, .route = route.in_host, .target = route.target};
    possible.push_back({match, std::move(unknown)});
  }

  const Judge& judge;
  std::uint32_t host = kNone;
  std::vector<const Predicate*> unknown = {};  // of the route that is tried
  std::vector<Possibility> possible = {};
};

}  // namespace

std::vector<Possibility> possible_matches(const Router& router, const Facts& facts,
                                          const Judge& judge) {
  Doubter doubter{.judge = judge};
  auto match = Walk(router.plan(), facts, doubter).run();
  doubter.possible.push_back({match, {}});
  return std::move(doubter.possible);
}

}  // namespace cirque::route
