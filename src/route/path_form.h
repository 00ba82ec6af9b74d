#pragma once
// A path of a specification, read: its class, its shape, and its text in canonical form.
#include <string>
#include <string_view>

#include "route/finding.h"
#include "route/shape.h"
#include "route/spec.h"

namespace cirque::route {

struct PathForm {
  PathClass kind = PathClass::Any;
  Shape shape = {};        // of PathClass::Shaped
  std::string text = {};   // canonical; of Shaped only the segments that are asked for
  std::string label = {};  // all of it, for people and for_each_parameter()

  // Of a regex only its presence is judged: route/regex.h compiles it.
  // Patterns without wildcards become Exact; a prefix or pattern that takes every path becomes Any.
  static Parsed<PathForm> parse(const PathSpec& path);

  // The same set of paths, with wildcards by whatever name: the text as Group::text has it.
  std::string nameless() const;

  bool operator==(const PathForm&) const = default;
};

// Calls visit(name, value) for each {name} of a pattern and for what "**" took, by the name "**",
// without a leading slash. `path` must match the pattern. Views of both arguments.
template <class Visit>
void for_each_parameter(std::string_view pattern, std::string_view path, Visit visit) {
  while (!pattern.empty()) {
    pattern.remove_prefix(1);
    if (!path.empty()) path.remove_prefix(1);
    auto wanted = pattern.substr(0, pattern.find('/'));
    auto value = path.substr(0, path.find('/'));
    if (wanted == "**") return visit(wanted, path);
    if (wanted.starts_with('{')) visit(wanted.substr(1, wanted.size() - 2), value);
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(value.size());
  }
}

}  // namespace cirque::route
