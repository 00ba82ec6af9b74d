#include "upstream/tiers.h"

#include <algorithm>

namespace cirque::upstream {
namespace {

// How much of all requests a tier can carry.
double capacity(const TierHealth& tier, const SpillPolicy& policy) noexcept {
  if (tier.usable == 0) return 0;
  return std::min(1.0, tier.usable / tier.weight / std::max(policy.spill_percent / 100, 1e-9));
}

// Each in its turn takes what it can carry of what is left. Where that is not all, everybody
// carries more, in proportion. Returns what could be carried.
double fill(std::span<const TierHealth> tiers, const SpillPolicy& policy, Rank rank,
            std::span<double> shares) noexcept {
  double carried = 0;
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    if (tiers[i].rank != rank) continue;
    shares[i] = std::min(1 - carried, capacity(tiers[i], policy));
    carried += shares[i];
  }
  if (carried > 0) {
    for (double& share : shares) share /= carried;
  }
  return carried;
}

bool is_panic(std::span<const TierHealth> tiers, const SpillPolicy& policy) noexcept {
  double weight = 0;
  double usable = 0;
  for (const auto& tier : tiers) {
    if (tier.rank == Rank::Backup) continue;
    weight += tier.weight;
    usable += tier.usable;
  }
  return usable * 100 < weight * policy.panic_percent;
}

// To everybody by weight; backups are nobody's first choice even now.
Footing panic(std::span<const TierHealth> tiers, std::span<double> shares) noexcept {
  double sum = 0;
  bool has_main = std::ranges::any_of(
      tiers, [](const auto& t) { return t.rank == Rank::Main && t.weight > 0; });
  auto rank = has_main ? Rank::Main : Rank::Backup;
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    shares[i] = tiers[i].rank == rank ? tiers[i].weight : 0;
    sum += shares[i];
  }
  if (sum == 0) return Footing::Nobody;
  for (double& share : shares) share /= sum;
  return Footing::Panic;
}

bool is_one(double share) noexcept {
  return share > 1 - 1e-9;
}

}  // namespace

Footing share_out(std::span<const TierHealth> tiers, const SpillPolicy& policy,
                  std::span<double> shares) noexcept {
  std::ranges::fill(shares, 0.0);
  auto carried = fill(tiers, policy, Rank::Main, shares);
  if (carried > 0) {
    if (!is_one(carried) && is_panic(tiers, policy)) return panic(tiers, shares);
    auto first = std::ranges::find_if(tiers, [](const auto& t) { return t.weight > 0; });
    bool is_first = is_one(shares[static_cast<std::size_t>(first - tiers.begin())]);
    return is_first ? Footing::Normal : Footing::Spilled;
  }
  if (fill(tiers, policy, Rank::Backup, shares) > 0) return Footing::Backup;
  return policy.panic_percent > 0 ? panic(tiers, shares) : Footing::Nobody;
}

}  // namespace cirque::upstream
