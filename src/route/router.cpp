#include "route/router.h"

#include "route/walk.h"

namespace cirque::route {

Match Router::match(const Facts& facts) const noexcept {
  NoObserver nobody;
  return Walk(plan_, facts, nobody).run();
}

std::size_t Router::bytes() const noexcept {
  return sizeof(Router) + plan_.names.bytes() + plan_.hosts.capacity() * sizeof(HostPlan) +
         plan_.routes.capacity() * sizeof(RoutePlan) + plan_.paths.bytes() +
         plan_.shapes.capacity() * sizeof(Shape) + plan_.predicates.bytes() + plan_.texts.bytes() +
         plan_.labels.capacity() * sizeof(PathLabel);
}

}  // namespace cirque::route
