#pragma once
// THE WAY TO A ROUTE, the only one: from exact paths over shapes and regexes to routes for all
// paths. Whoever wants to know how an answer came about passes an observer; without one, nothing of
// that is in the compiled code.
#include "route/facts.h"
#include "route/plan.h"

namespace cirque::route {

// The request itself says what holds.
struct AsksRequest {
  static const Predicate* first_failed(const Predicates& predicates, Predicates::Span span,
                                       const Facts& facts) noexcept {
    return predicates.first_failed(span, facts);
  }
};

// Sees nothing and costs nothing.
struct NoObserver : AsksRequest {
  // True: routes that could have taken the request, had no better one done so, are shown too.
  static constexpr bool kSeesAll = false;

  void found_host(HostTable::Found) noexcept {}

  // A route whose path fits; `failed` is the first predicate that does not hold, or null.
  void tried(const RoutePlan&, const Predicate* /*failed*/) noexcept {}
};

template <class Observer>
class Walk {
 public:
  Walk(const Plan& plan, const Facts& facts, Observer& observer) noexcept
      : plan_(plan), facts_(facts), observer_(observer) {}

  Match run() noexcept {
    auto found = plan_.names.find(facts_.host);
    observer_.found_host(found);
    if (found.host == kNone) return {};
    number_ = found.host;
    match_.host = number_;
    const HostPlan& host = plan_.hosts[number_];
    if (try_exact(host) || try_shapes(host) || try_regexes(host)) return match_;
    try_routes(host.any, host.end);
    return match_;
  }

 private:
  // Each of these: true when the answer is known and nobody wants to see more.

  bool try_exact(const HostPlan& host) noexcept {
    if (host.exact == host.shaped) return false;
    return try_group(plan_.paths.find_exact(number_, facts_.path, plan_.texts));
  }

  bool try_shapes(const HostPlan& host) noexcept {
    if (host.shape_count == 0) return false;
    Segments segments(facts_.path);
    const Shape* shape = plan_.shapes.data() + host.shapes;
    for (const Shape* end = shape + host.shape_count; shape != end; ++shape) {
      if (!shape->fits(segments.count())) continue;
      if (try_group(plan_.paths.find(number_, *shape, segments, plan_.texts))) return true;
    }
    return false;
  }

  bool try_regexes(const HostPlan& host) noexcept {
    for (std::uint32_t i = host.regexes; i != host.any; ++i) {
      const RoutePlan& route = plan_.routes[i];
      if (plan_.predicates.regex(route.regex).matches(facts_.path) && try_route(route)) return true;
    }
    return false;
  }

  bool try_group(const Group* group) noexcept {
    return group && try_routes(group->first_route, group->first_route + group->routes);
  }

  bool try_routes(std::uint32_t first, std::uint32_t end) noexcept {
    for (std::uint32_t i = first; i != end; ++i) {
      if (try_route(plan_.routes[i])) return true;
    }
    return false;
  }

  bool try_route(const RoutePlan& route) noexcept {
    const Predicate* failed = observer_.first_failed(plan_.predicates, route.predicates, facts_);
    observer_.tried(route, failed);
    if (failed) return false;
    if (!match_) {
      match_.route = route.in_host;
      match_.target = route.target;
      match_.ordinal = plan_.hosts[number_].exact + route.in_host;
    }
    return !Observer::kSeesAll;
  }

  const Plan& plan_;
  const Facts& facts_;
  Observer& observer_;
  std::uint32_t number_ = kNone;
  Match match_;
};

}  // namespace cirque::route
