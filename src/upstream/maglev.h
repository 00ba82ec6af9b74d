#pragma once
// Consistent hashing: what has the same hash goes to the same member, whoever else comes or goes,
// as long as that member is well and carries no more than its share.
#include <memory>
#include <vector>

#include "upstream/policy.h"

namespace cirque::upstream {

// Whose hash is whose: a Maglev table (Eisenbud et al. 2016). Members take turns, by weight, to
// claim the next slot of an order of their own, so that one which leaves gives up its slots and
// few others move. Depends on identities and weights alone, not on how members are listed.
//
// Frozen, and shared by all workers: 128 KiB for up to 1,024 members, and 2 MiB for more; whoever
// crosses that line has all keys dealt anew. Making one takes milliseconds, so not on a worker.
class MaglevTable {
 public:
  struct Owner {
    std::uint32_t place;     // below kPlacesMax
    std::uint64_t identity;  // a hash of its name: the same after a restart, and on other machines
    std::uint32_t weight;    // zero: has nothing
  };

  static constexpr std::uint32_t kPlacesMax = UINT16_MAX;

  explicit MaglevTable(std::vector<Owner> owners);

  // No owner has any weight.
  bool is_empty() const noexcept { return slots_.empty(); }

  std::size_t size() const noexcept { return slots_.size(); }

  std::size_t slot_of(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(static_cast<unsigned __int128>(hash) * slots_.size() >> 64);
  }

  std::uint32_t owner(std::size_t slot) const noexcept { return slots_[slot]; }

 private:
  std::vector<std::uint16_t> slots_;  // places
};

// Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016): nobody has more
// than `bound` times the average for its weight of the requests under way; what would be more goes
// on along the table, so that the keys of one member are spread over all the others, and always in
// the same way. The same happens to the keys of a member that is not well.
//
// Two workers may fill the same last place at once: the bound holds to one request a worker.
class Hashing : public Policy {
 public:
  static constexpr double kBound = 1.25;  // the paper's example, and what Vimeo runs with

  Hashing(std::shared_ptr<const MaglevTable> table, std::uint32_t places, const PoolLoad& load,
          double bound = kBound);

  void set_candidates(std::span<const Candidate> candidates, double share) noexcept override;
  std::optional<std::uint32_t> choose(const Asked& asked) noexcept override;

 private:
  struct Seat {
    const Vitals* vitals = nullptr;  // null: not a candidate
    double bound = 0;                // of all the pool's requests
  };

  template <class Fits>
  std::optional<std::uint32_t> walk(const Asked& asked, Fits fits) const noexcept;

  std::shared_ptr<const MaglevTable> table_;
  const PoolLoad& load_;
  const double bound_;
  std::span<const Candidate> candidates_;
  std::vector<Seat> seats_;  // by place
};

}  // namespace cirque::upstream
