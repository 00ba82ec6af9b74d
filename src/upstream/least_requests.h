#pragma once
// Who carries the least for its weight: of all members when they are few, else of some.
#include "base/random.h"
#include "upstream/lottery.h"
#include "upstream/policy.h"

namespace cirque::upstream {

// Up to kAllMax candidates are all looked at, and the choice is exact. Of more, kDraws are drawn by
// weight, and the second best of the last time is looked at again: that memory is worth more than
// twice the draws (Mitzenmacher, Prabhakar, Shah 2002). To look at 1,000 would cost microseconds,
// as each count is on a line that some other core has just written; an order kept by load, which is
// what HAProxy has, needs a lock.
//
// Members that carry the same for their weight, as all do that are idle, are chosen by weight.
class LeastRequests : public Policy {
 public:
  static constexpr std::size_t kAllMax = 16;
  static constexpr int kDraws = 4;

  LeastRequests(std::size_t candidates_max, std::uint64_t seed)
      : lottery_(candidates_max), random_(seed) {}

  void set_candidates(std::span<const Candidate> candidates, double share) noexcept override;
  std::optional<std::uint32_t> choose(const Asked& asked) noexcept override;

 private:
  struct Loaded {
    std::size_t number;
    double load;
  };

  Loaded loaded(std::size_t number) const noexcept;
  Loaded least_of_all(Loaded best, const Asked& asked) const noexcept;
  Loaded least_of_some(Loaded best, const Asked& asked) noexcept;

  Lottery lottery_;
  base::Random random_;
  std::span<const Candidate> candidates_;
  std::size_t remembered_ = 0;
};

}  // namespace cirque::upstream
