#pragma once
// Why a request goes where it goes: the routes that could have taken it, in the order in which they
// are tried, each with the first condition that does not hold; and on a miss, what came nearest.
// The decision is that of the same code that Router::match runs (route/walk.h).
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "route/finding.h"
#include "route/host_table.h"
#include "route/router.h"

namespace cirque::route {

// A condition that does not hold, in words: "x-env is \"prod\"" was wanted, "\"dev\"" was there.
// `found` quotes the request, of which it may hold secrets: show it to those alone who sent it or
// who administer the proxy.
struct Failure {
  static constexpr std::size_t kFoundBytesMax = 256;

  Part part;  // Path, Method, Source, Header, Query or Cookie
  std::string wanted;
  std::string found;  // cut behind kFoundBytesMax
};

struct Candidate {
  std::uint32_t route;             // in the specification of its host
  std::optional<Failure> failure;  // empty: it takes the request, unless one before it does
};

// What keeps a path from fitting, where that is a slip that people make.
enum class Slip : std::uint8_t { None, FinalSlash, LetterCase, Spelling };

struct NearMiss {
  std::uint32_t route;
  unsigned failures;  // how many of its conditions do not hold
  Failure first;
  Slip slip = Slip::None;
};

struct NearName {
  std::uint32_t host;
  std::string name;  // "example.com" or "*.example.com"
};

struct Explanation {
  static constexpr std::size_t kCandidatesMax = 64;

  Match match;            // just what Router::match says
  std::string host_name;  // as it was looked up; empty when there is none that can be one
  HostTable::By host_by = HostTable::By::Nothing;
  // First those whose path fits, then the others of the host, both in the order of trying.
  std::vector<Candidate> candidates;
  std::size_t left_out = 0;  // candidates beyond kCandidatesMax
  // Of a miss, where there is one: the route of the host, or without a host the name.
  std::optional<NearMiss> nearest;
  std::optional<NearName> nearest_name;
};

// Takes memory and its time (every route of the host is looked at): for people, not for traffic.
Explanation explain(const Router& router, const Facts& facts);

}  // namespace cirque::route
