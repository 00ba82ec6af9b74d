#pragma once
// How one member is chosen out of several that all could be: the face of round robin, least
// requests and the others.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "upstream/vitals.h"

namespace cirque::upstream {

struct Candidate {
  std::uint32_t place;  // in the pool
  double weight;        // above zero; what a slow start leaves of it
  const Vitals* vitals;
};

// One request's question.
struct Asked {
  Time now{};
  std::uint64_t hash = 0;                     // of what is to stay with one member; seeded
  std::span<const std::uint32_t> tried = {};  // places that this request has been to: a few

  bool was_tried(std::uint32_t place) const noexcept {
    return std::ranges::find(tried, place) != tried.end();
  }
};

// One worker, and one tier of a pool. Allocates when it is made, and never after.
class Policy {
 public:
  virtual ~Policy() = default;

  // From now on these, by ascending place; at least one. They stay where they are until the next
  // time. `share` is that of the pool's requests which come here.
  virtual void set_candidates(std::span<const Candidate> candidates, double share) noexcept = 0;

  // A place that was not tried, or none.
  virtual std::optional<std::uint32_t> choose(const Asked& asked) noexcept = 0;
};

}  // namespace cirque::upstream
