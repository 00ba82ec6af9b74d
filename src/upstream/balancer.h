#pragma once
// Whose turn it is: the member of a pool that one request goes to, by the pool's method, among
// those that are well, of the priority that is due.
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "upstream/policy.h"
#include "upstream/slow_start.h"
#include "upstream/tiers.h"
#include "upstream/vitals.h"

namespace cirque::upstream {

class MaglevTable;

enum class Method : std::uint8_t { RoundRobin, LeastRequests, PeakEwma, Random, Hash };

struct BalancerTerms {
  Method method = Method::PeakEwma;
  SlowStart slow_start = {};  // not for hashes: what is cold gets warm with its own keys only
  SpillPolicy spill = {};
  double hash_bound = 1.25;  // times the average; above 1

  bool operator==(const BalancerTerms&) const = default;
};

struct Member {
  std::uint64_t identity;      // a hash of its name: the same after a restart
  Vitals* vitals;              // outlives the set
  std::uint32_t weight = 1;    // zero: gets what sticks to it, and nothing new
  std::uint32_t priority = 0;  // 0 goes first
  Rank rank = Rank::Main;      // a backup's priority counts among backups
};

// The members of a pool as they are configured. Frozen, and shared by all workers.
class MemberSet {
 public:
  struct Tier {
    Rank rank;
    std::uint32_t priority;
    std::vector<std::uint32_t> places;         // ascending
    std::shared_ptr<const MaglevTable> table;  // null: the method is not Hash
  };

  static constexpr std::uint32_t kMembersMax = 65'534;
  static constexpr std::uint32_t kWeightMax = 65'535;

  // Makes the tables of hashes, which takes milliseconds.
  MemberSet(std::vector<Member> members, const BalancerTerms& terms);

  std::span<const Member> members() const noexcept { return members_; }

  std::span<const Tier> tiers() const noexcept { return tiers_; }

  const BalancerTerms& terms() const noexcept { return terms_; }

  // The place of the member that a sticky cookie names.
  std::optional<std::uint32_t> find(std::uint64_t identity) const noexcept;

 private:
  std::vector<Member> members_;  // by place
  std::vector<std::uint32_t> by_identity_;
  std::vector<Tier> tiers_;
  BalancerTerms terms_;
};

struct Choice {
  std::uint32_t place;
  Footing footing;  // why in that tier
};

// One a worker and pool; made anew when the pool's members or terms change. Locks nothing, and
// allocates nothing once it is made.
//
// Health is not looked at for every choice: the worker keeps lists of who is usable, and makes them
// anew when the bulletin has changed, and as long as somebody's weight rises, a hundred times until
// it is full. So a choice costs the same whatever is down, and is at most as old as the last
// choice.
//
// Measured for 1,000 members (bench/micro/balancer_bench.cpp): 7 to 51 ns a choice, by method, and
// no more for a retry; 5 to 10 us when the lists are made anew.
class Balancer {
 public:
  // `bulletin` is that of the members, `load` the pool's: both outlive it.
  Balancer(std::shared_ptr<const MemberSet> set, const Bulletin& bulletin, const PoolLoad& load,
           std::uint64_t seed);
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;
  ~Balancer();

  // None: there is nobody, or everybody who can be asked was tried. A request that was elsewhere
  // before goes to the tier that is due, then to the others in their order, backups too, and in the
  // end to who is ejected: nobody knows that it is down.
  //
  // Who has no room, as Asked::doors says, is passed by; who has is to be entered at once, as
  // others may be quicker, and the question to be asked again then.
  std::optional<Choice> choose(const Asked& asked) noexcept;

 private:
  // As it was when it was last looked at.
  enum class State : std::uint8_t { Unknown, Usable, Ejected, Down, Away };

  struct Tier {
    std::unique_ptr<Policy> policy;
    std::vector<Candidate> candidates;
  };

  static State state_of(const Member& member) noexcept;
  std::unique_ptr<Policy> make_policy(const MemberSet::Tier& tier, std::uint64_t seed) const;

  void look(Time now) noexcept;
  bool note_states() noexcept;
  bool is_in(State state) const noexcept;
  void weigh_tiers() noexcept;
  void fill_tier(std::size_t tier, Time now) noexcept;
  double weight_now(const Member& member, Time now) noexcept;
  std::size_t draw_tier(std::uint64_t hash) noexcept;
  std::optional<Choice> choose_elsewhere(std::size_t not_here, const Asked& asked) noexcept;
  std::optional<Choice> choose_ejected(const Asked& asked) noexcept;
  bool has_full(const Asked& asked) const noexcept;

  const std::shared_ptr<const MemberSet> set_;
  const Bulletin& bulletin_;
  const PoolLoad& load_;
  base::Random random_;
  std::uint64_t issue_;
  Time looked_ = Time::min();
  Time look_again_ = kNever;     // as somebody's weight rises
  std::vector<State> states_;    // by place
  bool spares_ejected_ = false;  // as nobody else is usable
  std::vector<Tier> tiers_;
  std::vector<TierHealth> healths_;
  std::vector<double> shares_;
  Footing footing_ = Footing::Nobody;
};

}  // namespace cirque::upstream
