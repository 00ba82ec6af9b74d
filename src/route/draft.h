#pragma once
// A route on its way into a Plan: read, ranked, not yet in its place.
#include <string>

#include "route/path_form.h"
#include "route/predicate.h"
#include "route/shape.h"

namespace cirque::route {

struct Draft {
  PathForm form = {};
  std::string key =
      {};  // PathForm::nameless() of exact and shaped paths; equal for equal sets of paths
  Rank rank = {};
  std::uint32_t in_host;  // its place in the specification
  std::uint32_t target;
  std::uint32_t regex = kNone;
  Predicates::Span predicates = {};

  bool has_paths_of(const Draft& other) const noexcept {
    return form.kind == other.form.kind && form.shape == other.form.shape && regex == other.regex &&
           key == other.key;
  }
};

// The order in which they are tried, equal paths side by side. Different keys of one rank take no
// path together, so that they stand between rank and predicates changes no answer.
inline bool is_tried_before(const Draft& a, const Draft& b) noexcept {
  Rank rank_a = a.rank;
  Rank rank_b = b.rank;
  rank_a.predicates = rank_b.predicates = 0;
  if (rank_a != rank_b) return rank_a > rank_b;
  if (int order = a.key.compare(b.key)) return order < 0;
  if (a.rank.predicates != b.rank.predicates) return a.rank.predicates > b.rank.predicates;
  return a.in_host < b.in_host;
}

}  // namespace cirque::route
