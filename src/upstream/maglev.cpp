#include "upstream/maglev.h"

#include "base/check.h"
#include "base/hash.h"
#include "upstream/turns.h"

namespace cirque::upstream {
namespace {

// Primes, so that every order reaches every slot. 65,537 is what others use too; with 64 slots a
// member and more, the greatest has at most 1/64 more than the smallest of the same weight.
constexpr std::size_t kFewMax = 1024;
constexpr std::size_t kSlotsOfFew = 65'537;
constexpr std::size_t kSlotsOfMany = 1'048'583;

constexpr std::uint16_t kFree = UINT16_MAX;

// In what order a member would like to have the slots.
struct Order {
  std::size_t next;
  std::size_t step;

  Order(std::uint64_t identity, std::size_t slots) noexcept
      : next(base::mix(identity) % slots),
        step(base::mix(identity ^ 0x9e3779b97f4a7c15ULL) % (slots - 1) + 1) {}

  std::size_t claim(std::vector<std::uint16_t>& slots) noexcept {
    while (slots[next] != kFree) advance(slots.size());
    return next;
  }

 private:
  void advance(std::size_t slots) noexcept {
    next += step;
    if (next >= slots) next -= slots;
  }
};

}  // namespace

// By weight as round robin does it: the turns of members that weigh the same go round, as in the
// paper, and others have theirs as much more often.
MaglevTable::MaglevTable(std::vector<Owner> owners) {
  std::erase_if(owners, [](const Owner& owner) { return owner.weight == 0; });
  if (owners.empty()) return;
  std::ranges::sort(owners, {}, &Owner::identity);
  slots_.assign(owners.size() <= kFewMax ? kSlotsOfFew : kSlotsOfMany, kFree);
  Turns turns;
  turns.reserve(owners.size());
  std::vector<Order> orders;
  for (const auto& owner : owners) {
    CIRQUE_CHECK(owner.place < kPlacesMax);
    orders.emplace_back(owner.identity, slots_.size());
    turns.add({.when = Turns::stride_of(owner.weight),
               .who = static_cast<std::uint32_t>(orders.size() - 1)});
  }
  turns.settle();
  for (std::size_t claimed = 0; claimed < slots_.size(); ++claimed) {
    auto who = turns.first().who;
    slots_[orders[who].claim(slots_)] = static_cast<std::uint16_t>(owners[who].place);
    turns.advance(Turns::stride_of(owners[who].weight));
  }
}

Hashing::Hashing(std::shared_ptr<const MaglevTable> table, std::uint32_t places,
                 const PoolLoad& load, double bound)
    : table_(std::move(table)), load_(load), bound_(bound), seats_(places) {
  CIRQUE_CHECK(bound_ > 1);  // else there might be no room for anybody
}

void Hashing::set_candidates(std::span<const Candidate> candidates, double share) noexcept {
  candidates_ = candidates;
  std::ranges::fill(seats_, Seat{});
  double sum = 0;
  for (const auto& candidate : candidates) sum += candidate.weight;
  for (const auto& candidate : candidates) {
    seats_[candidate.place] = {candidate.vitals, bound_ * share * candidate.weight / sum};
  }
}

std::optional<std::uint32_t> Hashing::choose(const Asked& asked) noexcept {
  auto requests = load_.in_flight.load(std::memory_order_relaxed) + 1.0;  // with this one
  auto has_room = [&](std::uint32_t place) {
    const Seat& seat = seats_[place];
    return seat.vitals && seat.vitals->in_flight() < seat.bound * requests &&
           !asked.passes_by(place);
  };
  if (auto place = walk(asked, has_room)) return place;
  // All that are left carry too much: they have work from elsewhere, or the shares of the tiers
  // have just changed.
  return walk(asked,
              [&](std::uint32_t place) { return seats_[place].vitals && !asked.passes_by(place); });
}

// Along the table, and where nearly nobody fits, along the candidates: the same way for the same
// hash.
template <class Fits>
std::optional<std::uint32_t> Hashing::walk(const Asked& asked, Fits fits) const noexcept {
  constexpr std::size_t kStepsMax = 64;  // two lines of the cache
  auto slot = table_->slot_of(asked.hash);
  for (std::size_t step = 0; step < kStepsMax; ++step) {
    auto place = table_->owner(slot);
    if (fits(place)) return place;
    if (++slot == table_->size()) slot = 0;
  }
  auto start = base::mix(asked.hash) % candidates_.size();
  for (std::size_t step = 0; step < candidates_.size(); ++step) {
    auto place = candidates_[(start + step) % candidates_.size()].place;
    if (fits(place)) return place;
  }
  return std::nullopt;
}

}  // namespace cirque::upstream
