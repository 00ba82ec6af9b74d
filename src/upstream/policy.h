#pragma once
// How one member is chosen out of several that all could be: the face of round robin, least
// requests and the others.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "upstream/gate.h"
#include "upstream/vitals.h"

namespace cirque::upstream {

struct Candidate {
  std::uint32_t place;  // in the pool
  double weight;        // above zero; what a slow start leaves of it
  const Vitals* vitals;
};

// Whether there is room with a member, beside whether it is well.
class Doors {
 public:
  virtual Gate::Door door(std::uint32_t place) const noexcept = 0;

 protected:
  ~Doors() = default;
};

// One request's question.
struct Asked {
  Time now{};
  std::uint64_t hash = 0;                     // of what is to stay with one member; seeded
  std::span<const std::uint32_t> tried = {};  // places that this request has been to: a few
  const Doors* doors = nullptr;               // null: all are open

  // Anybody will do.
  bool is_open_to_all() const noexcept { return tried.empty() && !doors; }

  bool was_tried(std::uint32_t place) const noexcept {
    return std::ranges::find(tried, place) != tried.end();
  }

  bool is_full(std::uint32_t place) const noexcept {
    return doors && doors->door(place) == Gate::Door::Full;
  }

  // It was there, or there is no room for it now.
  bool passes_by(std::uint32_t place) const noexcept {
    return was_tried(place) || (doors && doors->door(place) != Gate::Door::Open);
  }
};

// Where there is no choice.
inline std::optional<std::uint32_t> sole(std::span<const Candidate> candidates,
                                         const Asked& asked) noexcept {
  auto place = candidates.front().place;
  return asked.passes_by(place) ? std::nullopt : std::optional(place);
}

// One worker, and one tier of a pool. Allocates when it is made, and never after.
class Policy {
 public:
  virtual ~Policy() = default;

  // From now on these, by ascending place; at least one. They stay where they are until the next
  // time. `share` is that of the pool's requests which come here.
  virtual void set_candidates(std::span<const Candidate> candidates, double share) noexcept = 0;

  // A place that is not passed by, or none.
  virtual std::optional<std::uint32_t> choose(const Asked& asked) noexcept = 0;
};

}  // namespace cirque::upstream
