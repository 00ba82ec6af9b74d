#pragma once
// Draws one of many with a chance that is its weight's share of all, in O(1): the alias method
// (Vose 1991). And the policy that does nothing else.
#include <vector>

#include "base/random.h"
#include "upstream/policy.h"

namespace cirque::upstream {

class Lottery {
 public:
  explicit Lottery(std::size_t candidates_max);

  // O(n), for between 1 and `candidates_max`.
  void set_candidates(std::span<const Candidate> candidates) noexcept;

  // The number of a candidate.
  std::size_t draw(base::Random& random) const noexcept {
    auto bits = random.next();
    auto column = static_cast<std::size_t>((bits >> 32) * columns_.size() >> 32);
    bool is_own = static_cast<std::uint32_t>(bits) <= columns_[column].threshold;
    return is_own ? column : columns_[column].alias;
  }

  // All weigh the same.
  bool is_even() const noexcept { return is_even_; }

 private:
  // Each column stands for 1/n: up to the threshold for its own candidate, above for another one.
  struct Column {
    std::uint32_t threshold;
    std::uint32_t alias;
  };

  void fill_columns() noexcept;

  std::vector<Column> columns_;
  bool is_even_ = true;
  // While columns are filled: what each still has to give, in columns, and who has too little and
  // who too much, from the two ends.
  std::vector<double> shares_;
  std::vector<std::uint32_t> order_;
};

// Each of the candidates, as chance will have it.
class RandomChoice : public Policy {
 public:
  RandomChoice(std::size_t candidates_max, std::uint64_t seed)
      : lottery_(candidates_max), random_(seed) {}

  void set_candidates(std::span<const Candidate> candidates, double share) noexcept override;
  std::optional<std::uint32_t> choose(const Asked& asked) noexcept override;

 private:
  Lottery lottery_;
  base::Random random_;
  std::span<const Candidate> candidates_;
};

// When draws find only what was tried: the first of the rest behind a number drawn. O(n), and rare.
std::optional<std::size_t> first_untried(std::span<const Candidate> candidates, std::size_t from,
                                         const Asked& asked) noexcept;

// A draw that was not tried.
std::optional<std::size_t> draw_untried(const Lottery& lottery, base::Random& random,
                                        std::span<const Candidate> candidates,
                                        const Asked& asked) noexcept;

}  // namespace cirque::upstream
