#include "upstream/peak_ewma.h"

namespace cirque::upstream {

void PeakEwma::set_candidates(std::span<const Candidate> candidates, double) noexcept {
  candidates_ = candidates;
  lottery_.set_candidates(candidates);
  double sum = 0;
  for (const auto& candidate : candidates) sum += candidate.weight;
  mean_weight_ = sum / static_cast<double>(candidates.size());
}

std::optional<std::uint32_t> PeakEwma::choose(const Asked& asked) noexcept {
  if (candidates_.size() == 1) return sole(candidates_, asked);
  auto first = draw_untried(lottery_, random_, candidates_, asked);
  if (!first) return std::nullopt;
  auto second = draw_other(*first, asked);
  if (!second || *second == *first) return candidates_[*first].place;
  const auto& one = candidates_[*first];
  const auto& other = candidates_[*second];
  return cost(other, asked.now) < cost(one, asked.now) ? other.place : one.place;
}

// Of equals, a different one. Where weights differ it may be the same one again: of two members
// that were always compared, each would get a half, whatever they weigh.
std::optional<std::size_t> PeakEwma::draw_other(std::size_t first, const Asked& asked) noexcept {
  if (!lottery_.is_even() || !asked.is_open_to_all()) {
    return draw_untried(lottery_, random_, candidates_, asked);
  }
  auto others = candidates_.size() - 1;
  auto number = static_cast<std::size_t>((random_.next() >> 32) * others >> 32);
  return number < first ? number : number + 1;
}

double PeakEwma::cost(const Candidate& candidate, Time now) const noexcept {
  constexpr double kUnknownUs = 1e12;  // more than any latency that is known
  auto in_flight = static_cast<double>(candidate.vitals->in_flight());
  auto latency = static_cast<double>(candidate.vitals->latency_us(now));
  if (latency == 0) latency = in_flight == 0 ? 0 : kUnknownUs;
  return latency * (1 + in_flight * mean_weight_ / candidate.weight);
}

}  // namespace cirque::upstream
