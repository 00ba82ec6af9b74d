#pragma once
// A compiled router's memory: flat lists, each host's routes side by side in the order in which
// they are tried. Only this room looks inside.
#include <cstdint>
#include <vector>

#include "route/host_table.h"
#include "route/path_table.h"
#include "route/predicate.h"
#include "route/shape.h"
#include "route/spec.h"
#include "route/texts.h"

namespace cirque::route {

// A route in the order of trying.
struct RoutePlan {
  std::uint32_t target;
  std::uint32_t in_host;  // its place in the specification of its host
  std::uint32_t regex;    // of a path; else kNone
  Predicates::Span predicates;
};

// Where the routes of a host stand: exact paths, prefixes and patterns, regexes, all paths.
struct HostPlan {
  std::uint32_t exact;  // the first of each kind; a kind ends where the next begins
  std::uint32_t shaped;
  std::uint32_t regexes;
  std::uint32_t any;
  std::uint32_t end;
  std::uint32_t shapes = 0;  // where its list of shapes begins
  std::uint32_t shape_count = 0;
};

// A path as the specification has it, for explanations and parameters.
struct PathLabel {
  PathKind kind;
  TextSpan text;
};

struct Plan {
  HostTable names;
  std::vector<HostPlan> hosts;  // as many as virtual hosts, in the same order
  std::vector<RoutePlan> routes;
  PathTable paths;
  std::vector<Shape> shapes;  // lists of shapes, best first; hosts with the same list share it
  Predicates predicates;
  Texts texts;
  std::vector<PathLabel> labels;  // by Match::ordinal
};

}  // namespace cirque::route
