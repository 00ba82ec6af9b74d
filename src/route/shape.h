#pragma once
// The order of routes by what they say about the path. A shape is a path's form without its words:
// how many segments are asked for, which of them are literal, and what may follow.
#include <bit>
#include <compare>
#include <cstdint>

namespace cirque::route {

// What may stand behind the segments that are asked for; the later, the more is asked.
enum class Tail : std::uint8_t {
  Open,    // nothing, or whatever: prefix "/a", pattern "/a/**"
  Below,   // at least a slash: prefix "/a/"
  Closed,  // nothing
};

struct Shape {
  std::uint32_t literals = 0;  // a bit for every literal segment, the first in the highest bit
  std::uint8_t segments = 0;
  Tail tail = Tail::Open;

  static constexpr std::uint32_t bit(unsigned segment) noexcept {
    return std::uint32_t{0x80000000} >> segment;
  }

  bool is_literal(unsigned segment) const noexcept { return (literals & bit(segment)) != 0; }

  // May a path of that many segments have this shape?
  bool fits(unsigned count) const noexcept {
    switch (tail) {
      case Tail::Open:
        return count >= segments;
      case Tail::Below:
        return count > segments;
      case Tail::Closed:
        return count == segments;
    }
    return false;
  }

  // As a number that is different for different shapes.
  std::uint64_t code() const noexcept {
    return std::uint64_t{literals} << 16 | std::uint64_t{segments} << 8 |
           static_cast<std::uint64_t>(tail);
  }

  bool operator==(const Shape&) const = default;
};

// The kinds of paths, the most specific last.
enum class PathClass : std::uint8_t { Any, Regex, Shaped, Exact };

// THE ORDER OF ROUTES. Of the routes of a host that take a request, the greatest wins; of equals,
// the one that stands first in the specification. docs/routing.md tells the same to users.
struct Rank {
  PathClass path = PathClass::Any;  // 1. exact, then prefixes and patterns, then regexes, then any
  std::uint8_t segments = 0;     // 2. prefixes and patterns: the one that asks for more segments,
  std::uint8_t literals = 0;     // 3. then the one with more literal segments,
  std::uint32_t places = 0;      // 4. then the one whose first differing segment is literal,
  Tail tail = Tail::Open;        // 5. then the one that lets less follow
  std::uint32_t predicates = 0;  // 6. the one with more predicates beside the path

  static Rank of(PathClass path, Shape shape, std::uint32_t predicates) noexcept {
    if (path != PathClass::Shaped) return {.path = path, .predicates = predicates};
    auto literals = static_cast<std::uint8_t>(std::popcount(shape.literals));
    return {path, shape.segments, literals, shape.literals, shape.tail, predicates};
  }

  auto operator<=>(const Rank&) const = default;
};

}  // namespace cirque::route
