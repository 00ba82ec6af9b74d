#include "upstream/least_requests.h"

namespace cirque::upstream {

void LeastRequests::set_candidates(std::span<const Candidate> candidates, double) noexcept {
  candidates_ = candidates;
  lottery_.set_candidates(candidates);
  remembered_ = 0;
}

std::optional<std::uint32_t> LeastRequests::choose(const Asked& asked) noexcept {
  auto first = draw_untried(lottery_, random_, candidates_, asked);
  if (!first) return std::nullopt;
  bool is_few = candidates_.size() <= kAllMax;
  auto best = is_few ? least_of_all(loaded(*first), asked) : least_of_some(loaded(*first), asked);
  return candidates_[best.number].place;
}

LeastRequests::Loaded LeastRequests::loaded(std::size_t number) const noexcept {
  const auto& candidate = candidates_[number];
  return {number, candidate.vitals->in_flight() / candidate.weight};
}

// From the one that was drawn on, so that among equals none is preferred.
LeastRequests::Loaded LeastRequests::least_of_all(Loaded best, const Asked& asked) const noexcept {
  auto number = best.number;
  for (std::size_t step = 1; step < candidates_.size(); ++step) {
    if (++number == candidates_.size()) number = 0;
    auto other = loaded(number);
    if (other.load < best.load && !asked.passes_by(candidates_[number].place)) best = other;
  }
  return best;
}

LeastRequests::Loaded LeastRequests::least_of_some(Loaded best, const Asked& asked) noexcept {
  auto second = best;
  auto look_at = [&](std::size_t number) {
    auto other = loaded(number);
    if (other.load < best.load && !asked.passes_by(candidates_[number].place)) {
      second = std::exchange(best, other);
    } else if (second.number == best.number || other.load < second.load) {
      second = other;
    }
  };
  for (int draw = 1; draw < kDraws; ++draw) look_at(lottery_.draw(random_));
  look_at(remembered_);
  remembered_ = second.number;
  return best;
}

}  // namespace cirque::upstream
