#pragma once
// How a pool's requests are shared between its priorities: all to the first as long as enough of
// it is well, then more and more to the next.
#include <cstdint>
#include <span>

namespace cirque::upstream {

struct SpillPolicy {
  // Below this share of usable members a priority hands on requests: at half of it, half. Envoy's
  // over-provisioning factor said the other way round: its 1.4 is 71 percent.
  double spill_percent = 50;
  // Below this share of usable members in all priorities together, with nowhere left to spill to,
  // health is not believed and everybody is asked (Envoy's panic threshold; 50 there). Zero: never,
  // as backends that are down fail requests, and usually they are down.
  double panic_percent = 0;

  bool operator==(const SpillPolicy&) const = default;
};

enum class Rank : std::uint8_t { Main, Backup };

// One priority, or the backups. What drains counts as absent.
struct TierHealth {
  double weight = 0;  // of all members
  double usable = 0;  // of those that are usable
  Rank rank = Rank::Main;
};

// Why requests go where they go, for logs and explanations.
enum class Footing : std::uint8_t {
  Normal,   // to the first priority alone
  Spilled,  // to several, as one is not well enough
  Backup,   // nobody else is usable
  Panic,    // to members that are not usable, for want of others
  Nobody,   // there is nobody to ask
};

// Tiers in the order of priority, backups last. Writes the share of each, which add up to 1 but for
// Nobody. Backups have a share only when nobody else is usable, as everywhere.
Footing share_out(std::span<const TierHealth> tiers, const SpillPolicy& policy,
                  std::span<double> shares) noexcept;

}  // namespace cirque::upstream
