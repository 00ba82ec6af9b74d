#pragma once
// Power of two choices by latency: of two members drawn, the one where the request will probably
// be answered first.
#include "base/random.h"
#include "upstream/lottery.h"
#include "upstream/policy.h"

namespace cirque::upstream {

// A member's cost is what an answer of it takes (Vitals::latency_us) times the requests that it
// would then have, for an average weight. Two draws are nearly as good as looking at all, and no
// herd runs to whoever was the quickest at one moment (Mitzenmacher 1996).
//
// A member of which nothing is known costs nothing as long as it is idle: one request goes there
// to find out, and the others wait for what it tells.
class PeakEwma : public Policy {
 public:
  PeakEwma(std::size_t candidates_max, std::uint64_t seed)
      : lottery_(candidates_max), random_(seed) {}

  void set_candidates(std::span<const Candidate> candidates, double share) noexcept override;
  std::optional<std::uint32_t> choose(const Asked& asked) noexcept override;

 private:
  std::optional<std::size_t> draw_other(std::size_t first, const Asked& asked) noexcept;
  double cost(const Candidate& candidate, Time now) const noexcept;

  Lottery lottery_;
  base::Random random_;
  std::span<const Candidate> candidates_;
  double mean_weight_ = 1;
};

}  // namespace cirque::upstream
