#include "route/explain.h"

#include <algorithm>

#include "route/host_name.h"
#include "route/nearness.h"
#include "route/walk.h"
#include "route/words.h"

namespace cirque::route {
namespace {

// Writes down what the walk does.
struct Recorder : AsksRequest {
  static constexpr bool kSeesAll = true;

  struct Tried {
    const RoutePlan* route;
    const Predicate* failed;
  };

  void found_host(HostTable::Found found) { host = found; }

  void tried(const RoutePlan& route, const Predicate* failed) {
    routes.push_back({&route, failed});
  }

  HostTable::Found host;
  std::vector<Tried> routes;
};

class Explainer {
 public:
  Explainer(const Router& router, const Facts& facts) : plan_(router.plan()), facts_(facts) {}

  Explanation explain() {
    told_.match = Walk(plan_, facts_, seen_).run();
    told_.host_name = HostName(facts_.host).text();
    told_.host_by = seen_.host.by;
    if (seen_.host.host == kNone) {
      find_nearest_name();
      return std::move(told_);
    }
    tell_tried();
    tell_others();
    if (!told_.match) find_nearest();
    return std::move(told_);
  }

 private:
  const HostPlan& host() const noexcept { return plan_.hosts[seen_.host.host]; }

  const PathLabel& label_of(const RoutePlan& route) const noexcept {
    return plan_.labels[host().exact + route.in_host];
  }

  void tell(const RoutePlan& route, std::optional<Failure> failure) {
    told_.candidates.push_back({route.in_host, std::move(failure)});
  }

  bool is_full() {
    bool is_full = told_.candidates.size() == Explanation::kCandidatesMax;
    if (is_full) ++told_.left_out;
    return is_full;
  }

  void tell_tried() {
    for (const Recorder::Tried& tried : seen_.routes) {
      if (is_full()) continue;
      std::optional<Failure> failure;
      if (tried.failed) failure = failure_of(*tried.failed, plan_.predicates, facts_);
      tell(*tried.route, std::move(failure));
    }
  }

  // Those that the walk did not come by: their path does not fit.
  template <class Visit>
  void for_each_other(Visit visit) {
    std::vector<const RoutePlan*> tried;
    for (const Recorder::Tried& one : seen_.routes) tried.push_back(one.route);
    std::ranges::sort(tried);
    for (std::uint32_t i = host().exact; i != host().end; ++i) {
      const RoutePlan& route = plan_.routes[i];
      if (!std::ranges::binary_search(tried, &route)) visit(route);
    }
  }

  void tell_others() {
    for_each_other([&](const RoutePlan& route) {
      if (!is_full()) tell(route, path_failure(label_of(route), plan_.texts, facts_));
    });
  }

  unsigned count_failures(const RoutePlan& route) const {
    unsigned failures = 0;
    const Predicate* predicate = plan_.predicates.begin_of(route.predicates);
    for (std::uint32_t i = 0; i < route.predicates.count; ++i) {
      failures += !plan_.predicates.holds(predicate[i], facts_);
    }
    return failures;
  }

  // A route whose path fits is nearer than one whose path does not.
  void find_nearest() {
    find_nearest_tried();
    if (!told_.nearest) find_final_slash();
    if (!told_.nearest) find_nearest_path();
  }

  void find_nearest_tried() {
    for (const Recorder::Tried& tried : seen_.routes) {
      unsigned failures = count_failures(*tried.route);
      if (told_.nearest && told_.nearest->failures <= failures) continue;
      told_.nearest = NearMiss{tried.route->in_host, failures,
                               failure_of(*tried.failed, plan_.predicates, facts_)};
    }
  }

  // Would the path be taken with its last slash off, or one more on?
  void find_final_slash() {
    std::string path(facts_.path);
    if (path.ends_with('/')) {
      path.pop_back();
    } else {
      path += '/';
    }
    Facts other = facts_;
    other.path = path;
    Recorder recorder;
    Walk(plan_, other, recorder).run();
    if (!recorder.routes.empty()) take_as_nearest(*recorder.routes.front().route, Slip::FinalSlash);
  }

  void find_nearest_path() {
    const RoutePlan* nearest = nullptr;
    std::size_t fewest = 0;
    for_each_other([&](const RoutePlan& route) {
      const PathLabel& label = label_of(route);
      auto steps = path_distance(label.kind, plan_.texts[label.text], facts_.path);
      if (!steps || (nearest && fewest <= *steps)) return;
      nearest = &route;
      fewest = *steps;
    });
    if (nearest) take_as_nearest(*nearest, fewest == 0 ? Slip::LetterCase : Slip::Spelling);
  }

  void take_as_nearest(const RoutePlan& route, Slip slip) {
    told_.nearest = NearMiss{route.in_host, 1 + count_failures(route),
                             path_failure(label_of(route), plan_.texts, facts_), slip};
  }

  void find_nearest_name() {
    std::size_t fewest = 0;
    plan_.names.for_each([&](std::string_view name, std::uint32_t host) {
      auto steps = word_distance(name, told_.host_name);
      if (!steps || (told_.nearest_name && fewest <= *steps)) return;
      told_.nearest_name = NearName{host, std::string(name)};
      fewest = *steps;
    });
  }

  const Plan& plan_;
  const Facts& facts_;
  Recorder seen_;
  Explanation told_;
};

}  // namespace

Explanation explain(const Router& router, const Facts& facts) {
  return Explainer(router, facts).explain();
}

}  // namespace cirque::route
