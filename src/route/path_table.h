#pragma once
// Finds the routes whose path is literal, or has literal segments, by hash: one probe for the exact
// paths of a host, one for each shape that its prefixes and patterns have.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "route/flat_index.h"
#include "route/segments.h"
#include "route/shape.h"
#include "route/texts.h"

namespace cirque::route {

// The routes of one host that ask for the same paths. They stand side by side, best first.
struct Group {
  std::uint32_t host;
  PathClass kind;  // Exact or Shaped
  Shape shape;
  TextSpan text;  // wildcards as "*"; without what follows the segments that are asked for
  std::uint32_t first_route;
  std::uint32_t routes;
};

// The paths of all hosts. Built once, then read by any thread; `texts` must live as long.
class PathTable {
 public:
  PathTable() = default;
  PathTable(std::vector<Group> groups, const Texts& texts);

  // Null: there is none. `texts` are those that the table was built with.
  const Group* find_exact(std::uint32_t host, std::string_view path,
                          const Texts& texts) const noexcept;
  // The shape fits the number of segments.
  const Group* find(std::uint32_t host, Shape shape, const Segments& segments,
                    const Texts& texts) const noexcept;

  std::size_t bytes() const noexcept { return index_.bytes() + groups_.capacity() * sizeof(Group); }

 private:
  FlatIndex index_;
  std::vector<Group> groups_;
};

}  // namespace cirque::route
