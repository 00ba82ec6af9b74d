#pragma once
// How far a path is from what a route asks for: "did you mean" for paths.
#include <cstddef>
#include <optional>
#include <string_view>

#include "route/spec.h"

namespace cirque::route {

// Steps of editing from `path` to one that the route would take, segment by segment; 0 when only
// the case of letters differs. Empty: nothing sensible can be said (a regex), or the path is
// further away than a slip explains. `wanted` is a route's path as its label has it.
std::optional<std::size_t> path_distance(PathKind kind, std::string_view wanted,
                                         std::string_view path);

// The same for words of any kind. More than a third of the longer one is no slip.
std::optional<std::size_t> word_distance(std::string_view wanted, std::string_view word);

}  // namespace cirque::route
