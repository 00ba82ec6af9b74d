#pragma once
// Passive health: members whose answers to live traffic are much worse than they should be are left
// out for a while, longer each time.
#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "cirque/clock.h"
#include "upstream/vitals.h"

namespace cirque::upstream {

// What came of a request, as far as it was the member's doing. What the client broke off counts for
// nothing, and is not told.
enum class Outcome : std::uint8_t {
  Good,     // any answer below 500
  Error,    // 500 and above, but for
  Gateway,  // 502, 503, 504, or no answer: refused, reset, timed out
};

enum class EjectionCause : std::uint8_t { None, Errors, GatewayErrors, SuccessRate };

// As logs and metrics have it.
std::string_view name_of(EjectionCause cause) noexcept;

struct OutlierPolicy {
  std::uint32_t errors = 5;          // in a row, of either kind; zero: do not count
  std::uint32_t gateway_errors = 5;  // in a row; zero: do not count
  Duration ejection = 30s;           // the first time; then twice, three times as long ...
  Duration ejection_max = 300s;      // ... but never longer
  double ejected_percent_max = 10;   // of the members; but one, where there are several
  // Every `window` the share of good answers of each member that had so many requests is compared
  // with that of the others, if so many had: who is below the mean by more than `deviations`
  // standard deviations is ejected. Envoy's numbers.
  Duration window = 10s;
  std::uint32_t window_requests_min = 100;
  std::uint32_t window_members_min = 5;  // zero: do not compare
  double deviations = 1.9;

  bool operator==(const OutlierPolicy&) const = default;
};

// How one member has behaved. Any thread; outlives reloads that keep the member.
class Conduct {
 public:
  EjectionCause ejected_for() const noexcept { return cause_.load(std::memory_order_relaxed); }

  Time ejected_until() const noexcept { return until_.load(std::memory_order_relaxed); }

  // Its last answer was good, as far as is counted: one more changes nothing.
  bool is_spotless() const noexcept {
    return errors_.load(std::memory_order_relaxed) == 0 &&
           gateway_errors_.load(std::memory_order_relaxed) == 0;
  }

 private:
  friend class Outliers;

  // Each result: how many were good, above, and how many there were.
  static constexpr std::uint64_t kOne = 1;
  static constexpr std::uint64_t kGoodOne = 1ULL << 32;

  alignas(64) std::atomic<std::uint64_t> window_{0};
  // In a row.
  std::atomic<std::uint32_t> errors_{0};
  std::atomic<std::uint32_t> gateway_errors_{0};
  // For the next judgement.
  std::atomic<EjectionCause> accused_of_{EjectionCause::None};
  // Written by whoever judges.
  std::atomic<EjectionCause> cause_{EjectionCause::None};  // None: not ejected
  std::atomic<std::uint32_t> times_{0};
  std::atomic<Time> until_{Time::min()};
  std::atomic<EjectionCause> last_cause_{EjectionCause::None};
  std::atomic<std::uint32_t> ejections_{0};
  // What was told of it. Steward only.
  EjectionCause told_ = EjectionCause::None;
  std::uint32_t told_ejections_ = 0;
};

// The members of a pool and what is asked of them. Frozen; made anew when either changes.
struct OutlierGroup {
  struct Member {
    Conduct* conduct;
    Vitals* vitals;  // gets Ailment::Ejected
  };

  std::vector<Member> members;  // by place
  OutlierPolicy policy = {};

  bool compares() const noexcept {
    return policy.window_members_min > 0 && members.size() >= policy.window_members_min;
  }

  // It changes nothing of what is known.
  bool is_usual(std::uint32_t place, Outcome outcome) const noexcept {
    return outcome == Outcome::Good && members[place].conduct->is_spotless() && !compares();
  }
};

// One a pool, which outlives its groups. No locks: a result is one atomic addition, and as long as
// all is well that is all. Whoever brings one error too many accuses, and judges, unless somebody
// is judging already: that one then looks again. So there is one judge at a time and nobody waits,
// and neither the cap nor the last usable member is ever overrun, whoever fails at once.
//
// A member that is accused and cannot be ejected is spared, and must fail as often again. Of one
// that is ejected nothing counts, and it comes back with a clean slate, but for the number of
// times, which goes down by one for every `ejection` that it has been back.
//
// Once one is ejected, nobody watches whether the others stay usable: when none is, the balancer
// asks everybody.
class Outliers {
 public:
  // Any thread. True: somebody was ejected or came back; sweep() will tell whom.
  bool on_result(const OutlierGroup& group, std::uint32_t place, Outcome outcome,
                 Time now) noexcept;

  // Any thread: it has shown otherwise that it is well, and comes back at once.
  void pardon(const OutlierGroup& group, std::uint32_t place, Time now) noexcept;

  // Told of one that was ejected, and with None of one that is back.
  using OnChange = std::function<void(std::uint32_t place, EjectionCause cause)>;

  // Every second or so, on the steward: ends what is over, compares, and tells what has happened
  // since, be it over again.
  void sweep(const OutlierGroup& group, Time now, const OnChange& on_change);

  // How often somebody was accused and spared, as too many were ejected already or no other was
  // usable. For metrics.
  std::uint64_t spared() const noexcept { return spared_.load(std::memory_order_relaxed); }

 private:
  static void count(const OutlierGroup& group, Conduct& conduct, Outcome outcome) noexcept;
  bool judge(const OutlierGroup& group, Time now) noexcept;

  struct Sentence {
    std::size_t ejected = 0;   // now, of all
    bool has_changed = false;  // somebody's standing
  };

  static void release(const OutlierGroup& group, Time now, Sentence& so_far) noexcept;
  void try_accused(const OutlierGroup& group, Time now, Sentence& so_far) noexcept;
  static void eject(const OutlierGroup::Member& member, EjectionCause cause,
                    const OutlierPolicy& policy, Time now) noexcept;
  void compare(const OutlierGroup& group) noexcept;

  // Who asks for a judgement: above zero while somebody judges.
  std::atomic<std::uint32_t> asks_{0};
  std::atomic<std::uint64_t> spared_{0};
  Time window_end_ = Time::min();  // steward only
};

}  // namespace cirque::upstream
