#pragma once
// What was found wrong with the specification of a router, as values that say where.
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "route/flat_index.h"

namespace cirque::route {

// Something a text must not contain: where in it, and what it is, in words that follow a quotation
// of the text.
struct Flaw {
  std::size_t offset;  // in bytes
  std::string what;
};

template <class T>
using Parsed = std::expected<T, Flaw>;

inline std::unexpected<Flaw> flaw(std::size_t offset, std::string what) {
  return std::unexpected(Flaw{offset, std::move(what)});
}

// The part of a specification that is meant.
enum class Part : std::uint8_t { Name, Path, Method, Source, Header, Query, Cookie, Whole };

// kNone where it does not apply.
struct Place {
  std::uint32_t host = kNone;   // in the list of virtual hosts
  std::uint32_t route = kNone;  // in that host's list of routes
  Part part = Part::Whole;
  std::uint32_t item = kNone;  // in that part's list: the third name, the second header
  bool is_name = false;        // of a field: what it is called, and not what it has to be

  bool operator==(const Place&) const = default;
};

struct Finding {
  enum class Kind : std::uint8_t {
    Invalid,        // a name, path, pattern, regex, method, network or field that cannot be read
    DuplicateHost,  // `at` names a host that `other` has named already
    Contradiction,  // the route can never match: its own predicates exclude each other
    Unreachable,    // the route can never match: `other` takes every request that it would
  };

  Kind kind;
  Place at;
  Place other;             // DuplicateHost, Unreachable; Contradiction of two predicates
  std::size_t offset = 0;  // Invalid: where in the text
  std::string what;        // a sentence without its subject: "is never reached, because ..."
};

// A router is compiled in spite of these: the routes that they speak of are there and never match.
inline bool is_harmless(Finding::Kind kind) noexcept {
  return kind == Finding::Kind::Contradiction || kind == Finding::Kind::Unreachable;
}

using Findings = std::vector<Finding>;

}  // namespace cirque::route
