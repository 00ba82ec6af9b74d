#include "upstream/lottery.h"

#include "base/check.h"

namespace cirque::upstream {
namespace {

constexpr int kDrawsMax = 8;  // by feel: where most were tried, looking at each is quicker
constexpr std::uint32_t kWhole = UINT32_MAX;

}  // namespace

Lottery::Lottery(std::size_t candidates_max) {
  columns_.reserve(candidates_max);
  shares_.reserve(candidates_max);
  order_.resize(candidates_max);
}

void Lottery::set_candidates(std::span<const Candidate> candidates) noexcept {
  CIRQUE_CHECK(!candidates.empty() && candidates.size() <= order_.size());
  columns_.assign(candidates.size(), {.threshold = kWhole, .alias = 0});
  auto first = candidates.front().weight;
  is_even_ = std::ranges::all_of(candidates, [&](const auto& c) { return c.weight == first; });
  if (is_even_) return;
  double sum = 0;
  for (const auto& candidate : candidates) sum += candidate.weight;
  shares_.clear();
  for (const auto& candidate : candidates) {
    shares_.push_back(candidate.weight / sum * static_cast<double>(candidates.size()));
  }
  fill_columns();
}

// Who has less than a column leaves the rest of its column to one who has more. Rounding may leave
// the last ones a little off a whole column: they keep it.
void Lottery::fill_columns() noexcept {
  std::size_t poor = 0;
  std::size_t rich = shares_.size();
  for (std::uint32_t i = 0; i < shares_.size(); ++i) {
    if (shares_[i] < 1) order_[poor++] = i;
    if (shares_[i] >= 1) order_[--rich] = i;
  }
  while (poor > 0 && rich < shares_.size()) {
    auto taker = order_[--poor];
    auto giver = order_[rich];
    columns_[taker] = {.threshold = static_cast<std::uint32_t>(shares_[taker] * kWhole),
                       .alias = giver};
    shares_[giver] -= 1 - shares_[taker];
    if (shares_[giver] >= 1) continue;
    ++rich;
    order_[poor++] = giver;
  }
}

std::optional<std::size_t> first_untried(std::span<const Candidate> candidates, std::size_t from,
                                         const Asked& asked) noexcept {
  for (std::size_t step = 0; step < candidates.size(); ++step) {
    auto number = (from + step) % candidates.size();
    if (!asked.passes_by(candidates[number].place)) return number;
  }
  return std::nullopt;
}

std::optional<std::size_t> draw_untried(const Lottery& lottery, base::Random& random,
                                        std::span<const Candidate> candidates,
                                        const Asked& asked) noexcept {
  auto number = lottery.draw(random);
  if (asked.is_open_to_all()) return number;
  for (int draws = 1; asked.passes_by(candidates[number].place); ++draws) {
    if (draws == kDrawsMax) return first_untried(candidates, number, asked);
    number = lottery.draw(random);
  }
  return number;
}

void RandomChoice::set_candidates(std::span<const Candidate> candidates, double) noexcept {
  candidates_ = candidates;
  lottery_.set_candidates(candidates);
}

std::optional<std::uint32_t> RandomChoice::choose(const Asked& asked) noexcept {
  auto number = draw_untried(lottery_, random_, candidates_, asked);
  return number ? std::optional(candidates_[*number].place) : std::nullopt;
}

}  // namespace cirque::upstream
