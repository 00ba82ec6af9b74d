#pragma once
// A set of interchangeable backends, and whose turn it is.
#include <atomic>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "upstream/retry_budget.h"
#include "upstream/roll.h"
#include "upstream/tried.h"

namespace cirque::upstream {

class Pool;

// A pool's roll on one core: what that core chooses from, kept as long as one of its requests is
// with a member of it. Counting references to a shared one would be a write to shared memory for
// every request.
struct LocalRoll {
  std::uint64_t edition = 0;
  std::shared_ptr<const Roll> roll;
  std::unique_ptr<Balancer> balancer;    // null: even turns
  std::unique_ptr<StickyValues> sticky;  // null: clients are not kept anywhere
  std::uint32_t holds = 0;
  std::uint32_t uncounted = 0;  // requests that the budget does not know of
  bool is_current = true;
};

// One member of a core's roll, which is kept as long as somebody holds one of it. One core.
class MemberHold {
 public:
  MemberHold() noexcept = default;

  MemberHold(LocalRoll& local, std::uint32_t place) noexcept : local_(&local), place_(place) {
    ++local_->holds;
  }

  MemberHold(const MemberHold& other) noexcept : local_(other.local_), place_(other.place_) {
    if (local_) ++local_->holds;
  }

  MemberHold(MemberHold&& other) noexcept
      : local_(std::exchange(other.local_, nullptr)), place_(other.place_) {}

  MemberHold& operator=(MemberHold other) noexcept {
    std::swap(local_, other.local_);
    std::swap(place_, other.place_);
    return *this;
  }

  ~MemberHold() {
    if (local_ && --local_->holds == 0 && !local_->is_current) delete local_;
  }

  explicit operator bool() const noexcept { return local_ != nullptr; }

  LocalRoll& local() const noexcept { return *local_; }

  std::uint32_t place() const noexcept { return place_; }

  const Seat& seat() const noexcept { return local_->roll->seats[place_]; }

 private:
  LocalRoll* local_ = nullptr;
  std::uint32_t place_ = 0;
};

// The member that a request goes to, from the choice to the end of the answer. One core.
class Pick {
 public:
  Pick() noexcept = default;

  Pick(Pool& pool, LocalRoll& local, std::uint32_t place) noexcept;
  Pick(Pick&& other) noexcept = default;

  Pick& operator=(Pick other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(hold_, other.hold_);
    std::swap(flight_, other.flight_);
    return *this;
  }

  void reset() noexcept { *this = Pick(); }

  explicit operator bool() const noexcept { return static_cast<bool>(hold_); }

  const MemberHold& hold() const noexcept { return hold_; }

  const Seat& seat() const noexcept { return hold_.seat(); }

  // Would it be chosen now?
  bool is_usable() const noexcept { return seat().standing->vitals.is_usable(); }

  // What came of it, for passive health. Not for what the client broke off.
  void report(Outcome outcome) noexcept;

  // It took so long for the head of an answer that was good.
  void observe(Duration latency) noexcept;

  // Where clients are kept: the name that a cookie has for the member, and such a cookie.
  std::uint64_t identity() const noexcept {
    return hold_.local().roll->members->members()[hold_.place()].identity;
  }

  std::string cookie(bool is_tls) const;

  // Are they, as this pool is now? A request may have begun when it was otherwise: only then do
  // identity() and cookie() hold.
  bool keeps_clients() const noexcept { return hold_.local().sticky != nullptr; }

 private:
  Pool* pool_ = nullptr;
  MemberHold hold_;
  Flight flight_;  // where somebody asks how many there are; over before the hold is
};

// What speaks for a member.
struct Wish {
  std::uint64_t hash = 0;  // of what is to stay with one, where the pool's method asks for that
  std::optional<StickyValues::Found> cookie = {};  // of this one's
};

enum class Shut : std::uint8_t { Nobody, Full, Cut };

struct Admitted {
  Pick pick;
  Gate::Leave leave;
};

// Members change when names resolve anew; a core sees the new list with its next choice.
//
// With even turns, which is what there is unless something else is asked for, one shared counter
// makes them exact across cores. Otherwise each core has a balancer of its own.
class Pool {
 public:
  Pool(std::string n, const Bulletin& bulletin);
  ~Pool();

  const std::string name;

  // Steward only. Tells the backends that come and those that go.
  void set_roll(Roll roll);

  // Any thread. The member of the cookie, if it is usable; else a usable member that was not
  // tried; or, where there is none, one that was left out for what it did, but that no check has
  // found down. The request is counted for the budget of retries.
  Pick choose(Tried& tried, const Wish& wish = {});

  // What the value of a client's cookie says, if it is one of ours; only where clients are kept.
  std::optional<StickyValues::Found> read_cookie(std::string_view value);

  // The same where members have gates: one that had room, and the leave to go there; or why there
  // is none. Cut: of those that are well all breakers are open.
  std::expected<Admitted, Shut> choose_admitted(Tried& tried, const Wish& wish = {});

  // Nobody would be let in now, for the breakers of those that are well.
  bool is_cut(Time now);

  // Where it is cut: until the first of these breakers lets one through.
  Duration until_open(Time now);

  bool is_empty();

  // Is there one that choose() would give somebody who has tried none?
  bool has_healthy();

  // The same of a roll, for who looks on and chooses nobody.
  static bool has_healthy(const Roll& roll);
  static bool is_cut(const Roll& roll, Time now);

  // Any thread: may a request that was seen by a member be sent to another one? Counts it.
  bool take_retry(Time now);

  // Steward only.
  std::shared_ptr<const Roll> roll();

  RetryBudget budget;
  Outliers outliers;
  PoolLoad load;

 private:
  friend class Pick;
  LocalRoll& here();
  LocalRoll& make_local(std::uint64_t edition);
  static std::optional<std::uint32_t> keeper_of(const LocalRoll& local, const Wish& wish,
                                                const Tried& tried) noexcept;
  class Gates;
  std::optional<std::uint32_t> whose_room(LocalRoll& local, const Tried& tried, const Wish& wish,
                                          const Gates& gates) noexcept;
  void count_request(LocalRoll& local) noexcept;
  static Shut why_shut(const Roll& roll, const Doors& doors, const Tried& tried) noexcept;
  std::optional<std::uint32_t> whose_turn(const Roll& roll, const Tried& tried) noexcept;

  const Bulletin& bulletin_;
  const unsigned id_;
  std::atomic<std::uint64_t> turn_{0};
  std::atomic<std::uint64_t> edition_;
  std::mutex mutex_;
  std::shared_ptr<const Roll> roll_ = std::make_shared<Roll>();
};

}  // namespace cirque::upstream
