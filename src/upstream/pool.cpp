#include "upstream/pool.h"

#include <algorithm>

#include "base/random.h"
#include "loop/loop.h"

namespace cirque::upstream {
namespace {

// Small numbers for pools, used again when one is gone.
class Ids {
 public:
  unsigned take() {
    std::lock_guard lock(mutex_);
    if (free_.empty()) return next_++;
    unsigned id = free_.back();
    free_.pop_back();
    return id;
  }

  void give_back(unsigned id) {
    std::lock_guard lock(mutex_);
    free_.push_back(id);
  }

 private:
  std::mutex mutex_;
  unsigned next_ = 0;
  std::vector<unsigned> free_;
};

Ids ids;

// Never the same for two lists, whatever pools they are of.
std::atomic<std::uint64_t> editions{1};

// Requests are told to the budget of retries by so many at a time, as all cores write there.
constexpr std::uint32_t kBatch = 64;

void let_go(LocalRoll* local) noexcept {
  if (!local) return;
  local->is_current = false;
  if (local->holds == 0) delete local;
}

enum class Fit : bool { Usable, Spared };

// Spared: left out for what it did to requests, but nothing says that it is down.
bool fits(const Vitals& vitals, Fit fit) noexcept {
  return fit == Fit::Usable ? vitals.is_usable() : vitals.is_merely_ejected();
}

bool is_well(const Vitals& vitals) noexcept {
  return fits(vitals, Fit::Usable) || fits(vitals, Fit::Spared);
}

// The rolls of this core by pool id, null or not. Nothing has to be constructed before a look at
// it, which is where each request comes by.
struct LocalRolls {
  LocalRoll* const* at = nullptr;
  std::size_t count = 0;
};

constinit thread_local LocalRolls locals;

// Who owns them. A pool that is gone leaves its last behind until another has its number.
class LocalRollsOwner {
 public:
  LocalRollsOwner() noexcept = default;
  LocalRollsOwner(const LocalRollsOwner&) = delete;
  LocalRollsOwner& operator=(const LocalRollsOwner&) = delete;

  ~LocalRollsOwner() {
    for (auto* local : all_) let_go(local);
    locals = {};
  }

  void put(unsigned id, std::unique_ptr<LocalRoll> fresh) {
    if (all_.size() <= id) all_.resize(id + 1);
    let_go(std::exchange(all_[id], fresh.release()));
    locals = {.at = all_.data(), .count = all_.size()};
  }

 private:
  std::vector<LocalRoll*> all_;
};

thread_local LocalRollsOwner locals_owner;

}  // namespace

Pool::Pool(std::string n, const Bulletin& bulletin)
    : name(std::move(n)), bulletin_(bulletin), id_(ids.take()), edition_(editions.fetch_add(1)) {}

Pool::~Pool() {
  for (const auto& seat : roll_->seats) seat.backend->leave_pool(seat.drains);
  ids.give_back(id_);
}

void Pool::set_roll(Roll roll) {
  auto changed = std::make_shared<const Roll>(std::move(roll));
  // First: who stays never left.
  for (const auto& seat : changed->seats) seat.backend->join_pool(seat.drains);
  {
    std::lock_guard lock(mutex_);
    roll_.swap(changed);
    edition_.store(editions.fetch_add(1), std::memory_order_release);
  }
  for (const auto& seat : changed->seats) seat.backend->leave_pool(seat.drains);
}

std::shared_ptr<const Roll> Pool::roll() {
  std::lock_guard lock(mutex_);
  return roll_;
}

inline LocalRoll& Pool::here() {
  auto edition = edition_.load(std::memory_order_acquire);
  auto* local = id_ < locals.count ? locals.at[id_] : nullptr;
  bool is_current = local && local->edition == edition;
  return is_current ? *local : make_local(edition);
}

[[gnu::noinline]] LocalRoll& Pool::make_local(std::uint64_t edition) {
  auto fresh = std::make_unique<LocalRoll>(
      LocalRoll{.edition = edition, .roll = roll(), .balancer = {}, .sticky = {}});
  if (fresh->roll->members) {
    base::Random random;
    fresh->balancer =
        std::make_unique<Balancer>(fresh->roll->members, bulletin_, load, random.next());
  }
  if (const auto& sticky = fresh->roll->sticky) {
    fresh->sticky = std::make_unique<StickyValues>(name, sticky->keys);
  }
  auto& local = *fresh;
  locals_owner.put(id_, std::move(fresh));
  return local;
}

bool Pool::is_empty() {
  return here().roll->seats.empty();
}

bool Pool::has_healthy() {
  return has_healthy(*here().roll);
}

bool Pool::has_healthy(const Roll& roll) {
  return std::ranges::any_of(roll.seats,
                             [](const Seat& seat) { return is_well(seat.standing->vitals); });
}

inline void Pool::count_request(LocalRoll& local) noexcept {
  if (++local.uncounted < kBatch) return;
  budget.count_requests(loop::turn_time(), std::exchange(local.uncounted, 0));
}

// Who drains, or is left out, keeps nobody.
std::optional<std::uint32_t> Pool::keeper_of(const LocalRoll& local, const Wish& wish,
                                             const Tried& tried) noexcept {
  if (!local.sticky || !wish.cookie) return std::nullopt;
  auto place = local.roll->members->find(wish.cookie->identity);
  if (!place || tried.has(*place)) return std::nullopt;
  bool is_usable = fits(local.roll->seats[*place].standing->vitals, Fit::Usable);
  return is_usable ? place : std::nullopt;
}

std::optional<StickyValues::Found> Pool::read_cookie(std::string_view value) {
  auto& local = here();
  return local.sticky ? local.sticky->read(value) : std::nullopt;
}

Pick Pool::choose(Tried& tried, const Wish& wish) {
  auto& local = here();
  if (!tried.any()) count_request(local);
  auto place = keeper_of(local, wish, tried);
  if (place) {
    // It stays there.
  } else if (local.balancer) {
    auto choice = local.balancer->choose(
        {.now = loop::turn_time(), .hash = wish.hash, .tried = tried.places()});
    if (choice) place = choice->place;
  } else {
    place = whose_turn(*local.roll, tried);
  }
  if (!place) return {};
  tried.add(*place);
  return {*this, local, *place};
}

// The gates of a roll at one moment.
class Pool::Gates final : public Doors {
 public:
  Gates(const Roll& roll, Time now) noexcept : roll_(roll), now_(now) {}

  Gate::Door door(std::uint32_t place) const noexcept override {
    return roll_.seats[place].standing->gate.door(now_);
  }

  Time now() const noexcept { return now_; }

 private:
  const Roll& roll_;
  const Time now_;
};

// Between the look and the entrance others may be quicker: then it looks again, and they have got
// in.
std::expected<Admitted, Shut> Pool::choose_admitted(Tried& tried, const Wish& wish) {
  auto& local = here();
  if (!tried.any()) count_request(local);
  auto now = loop::turn_time();
  Gates gates(*local.roll, now);
  while (auto place = whose_room(local, tried, wish, gates)) {
    auto leave = local.roll->seats[*place].standing->gate.admit(now);
    if (!leave) continue;
    tried.add(*place);
    return Admitted{Pick(*this, local, *place), std::move(*leave)};
  }
  return std::unexpected(why_shut(*local.roll, gates, tried));
}

// A roll that has no gates any more may be met by a request from before.
std::optional<std::uint32_t> Pool::whose_room(LocalRoll& local, const Tried& tried,
                                              const Wish& wish, const Gates& gates) noexcept {
  if (!local.balancer) return whose_turn(*local.roll, tried);
  auto kept = keeper_of(local, wish, tried);
  if (kept && gates.door(*kept) == Gate::Door::Open) return kept;
  auto choice = local.balancer->choose(
      {.now = gates.now(), .hash = wish.hash, .tried = tried.places(), .doors = &gates});
  return choice ? std::optional(choice->place) : std::nullopt;
}

// Of those that were not tried.
Shut Pool::why_shut(const Roll& roll, const Doors& doors, const Tried& tried) noexcept {
  auto why = Shut::Nobody;
  for (std::uint32_t place = 0; place < roll.seats.size(); ++place) {
    const auto& seat = roll.seats[place];
    if (seat.weight == 0 || !is_well(seat.standing->vitals) || tried.has(place)) continue;
    if (doors.door(place) != Gate::Door::Cut) return Shut::Full;
    why = Shut::Cut;
  }
  return why;
}

bool Pool::is_cut(Time now) {
  return is_cut(*here().roll, now);
}

bool Pool::is_cut(const Roll& roll, Time now) {
  return roll.has_gates && why_shut(roll, Gates(roll, now), {}) == Shut::Cut;
}

Duration Pool::until_open(Time now) {
  auto shortest = Duration::max();
  for (const auto& seat : here().roll->seats) {
    if (seat.weight == 0 || !is_well(seat.standing->vitals)) continue;
    shortest = std::min(shortest, seat.standing->gate.wait(now));
  }
  return shortest == Duration::max() ? Duration::zero() : shortest;
}

std::optional<std::uint32_t> Pool::whose_turn(const Roll& roll, const Tried& tried) noexcept {
  const auto& seats = roll.seats;
  auto fit = Fit::Usable;
  auto is_candidate = [&](std::uint32_t place) {
    return fits(seats[place].standing->vitals, fit) && !tried.has(place);
  };
  auto count = static_cast<std::uint32_t>(seats.size());
  auto count_candidates = [&] {
    std::uint32_t candidates = 0;
    for (std::uint32_t place = 0; place < count; ++place) candidates += is_candidate(place);
    return candidates;
  };
  auto candidates = count_candidates();
  if (candidates == 0) [[unlikely]] {
    fit = Fit::Spared;
    candidates = count_candidates();
    if (candidates == 0) return std::nullopt;
  }
  // Counted among the candidates: the turns of one that is down are shared by all the others, and
  // do not all fall to its neighbour.
  // A second attempt takes no turn of its own, or every first one would fall to the same member.
  auto taken = tried.any() ? turn_.load(std::memory_order_relaxed)
                           : turn_.fetch_add(1, std::memory_order_relaxed);
  auto turn = taken % candidates;
  for (std::uint32_t place = 0;; ++place) {
    if (!is_candidate(place)) {
      if (place + 1 == count) return std::nullopt;  // its health has changed since it was counted
      continue;
    }
    if (turn-- > 0 && place + 1 < count) continue;
    return place;
  }
}

bool Pool::take_retry(Time now) {
  budget.count_requests(now, std::exchange(here().uncounted, 0));
  return budget.take(now);
}

Pick::Pick(Pool& pool, LocalRoll& local, std::uint32_t place) noexcept
    : pool_(&pool), hold_(local, place) {
  if (local.balancer) flight_ = Flight(seat().standing->vitals, pool.load);
}

void Pick::report(Outcome outcome) noexcept {
  const auto& group = hold_.local().roll->outliers;
  if (group.members.empty() || group.is_usual(hold_.place(), outcome)) return;
  pool_->outliers.on_result(group, hold_.place(), outcome, loop::turn_time());
}

std::string Pick::cookie(bool is_tls) const {
  const auto& local = hold_.local();
  return set_cookie(local.roll->sticky->policy, local.sticky->make(identity()), is_tls);
}

void Pick::observe(Duration latency) noexcept {
  if (hold_.local().balancer) seat().standing->vitals.observe(latency, loop::turn_time());
}

}  // namespace cirque::upstream
