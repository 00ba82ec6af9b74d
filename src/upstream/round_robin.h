#pragma once
// Smooth weighted round robin: each in turn, and as often as its weight says, never in a bunch.
#include <vector>

#include "base/random.h"
#include "upstream/policy.h"
#include "upstream/turns.h"

namespace cirque::upstream {

// Earliest deadline first: a member of weight w has its turn every 1/w. Considered: a schedule made
// in advance, which would be O(1), but as long as the sum of all weights, and made anew whenever a
// slow start or an ailment changes one of them.
//
// Each worker has its own turns, which begin at random: members hear from all workers evenly, and
// not from all of them at once.
class RoundRobin : public Policy {
 public:
  // Places are below `places`.
  RoundRobin(std::uint32_t places, std::uint64_t seed);

  void set_candidates(std::span<const Candidate> candidates, double share) noexcept override;
  std::optional<std::uint32_t> choose(const Asked& asked) noexcept override;

 private:
  struct Pace {
    Turns::When stride = 0;  // 0: not a candidate
    Turns::When left = 0;    // until its turn, while the turns are made anew
  };

  std::optional<std::uint32_t> first_wanted(const Asked& asked) const noexcept;
  void pass_by(const Asked& asked) noexcept;
  void note_what_is_left() noexcept;
  Turns::When first_turn(const Pace& before, Turns::When stride) noexcept;

  Turns turns_;
  std::vector<Pace> paces_;  // by place
  base::Random random_;
};

}  // namespace cirque::upstream
