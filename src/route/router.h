#pragma once
// Which route takes a request: compiled from plain values, asked without locks and without memory,
// and of many routes that fit the most specific wins, whatever their order (route/shape.h has the
// order, docs/routing.md its explanation).
#include <memory>
#include <span>
#include <string_view>

#include "route/facts.h"
#include "route/finding.h"
#include "route/path_form.h"
#include "route/plan.h"
#include "route/spec.h"

namespace cirque::route {

// Immutable: share it between threads as a shared_ptr<const Router>, and replace it whole.
class Router {
 public:
  struct Compiled;
  static Compiled compile(std::span<const VirtualHostSpec> hosts);
  // The same, of hosts that are kept elsewhere, with others between them.
  static Compiled compile_selected(std::span<const VirtualHostSpec* const> hosts);

  // Only for compile(): every Plan that it makes is sound.
  explicit Router(Plan plan) noexcept : plan_(std::move(plan)) {}

  // Costs one probe for the host, one for each number of labels that wildcards have, one for exact
  // paths, one for each shape of the host's prefixes and patterns, and one run of each of its
  // regexes; in none of these how many hosts and routes there are.
  Match match(const Facts& facts) const noexcept;

  // What the {names} and "**" of the matched route's pattern stand for: visit(name, value), views
  // of the router and of `path`, which is the path that was matched. Nothing for other kinds.
  template <class Visit>
  void for_each_parameter(const Match& match, std::string_view path, Visit visit) const {
    const PathLabel& label = plan_.labels[match.ordinal];
    if (label.kind == PathKind::Pattern) {
      route::for_each_parameter(plan_.texts[label.text], path, visit);
    }
  }

  std::size_t hosts() const noexcept { return plan_.hosts.size(); }

  std::size_t routes() const noexcept { return plan_.routes.size(); }

  // What it takes of memory, without regexes and networks.
  std::size_t bytes() const noexcept;

  // For this room's own explain().
  const Plan& plan() const noexcept { return plan_; }

 private:
  Plan plan_;
};

struct Router::Compiled {
  // Null when there is a finding that is not harmless (route/finding.h).
  std::unique_ptr<const Router> router;
  // By host, then by route, as they stand in the specification.
  Findings findings;
};

}  // namespace cirque::route
