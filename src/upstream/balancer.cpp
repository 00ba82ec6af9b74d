#include "upstream/balancer.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "base/hash.h"
#include "upstream/least_requests.h"
#include "upstream/lottery.h"
#include "upstream/maglev.h"
#include "upstream/peak_ewma.h"
#include "upstream/round_robin.h"

namespace cirque::upstream {
namespace {

using Owners = std::vector<MaglevTable::Owner>;

std::shared_ptr<const MaglevTable> make_table(std::span<const Member> members,
                                              std::span<const std::uint32_t> places) {
  Owners owners;
  for (auto place : places) {
    const Member& member = members[place];
    owners.push_back({.place = place, .identity = member.identity, .weight = member.weight});
  }
  return std::make_shared<const MaglevTable>(std::move(owners));
}

}  // namespace

MemberSet::MemberSet(std::vector<Member> members, const BalancerTerms& terms)
    : members_(std::move(members)), terms_(terms) {
  CIRQUE_CHECK(members_.size() <= kMembersMax);
  std::vector<std::uint32_t> places;
  for (const auto& member : members_) {
    CIRQUE_CHECK(member.vitals && member.weight <= kWeightMax);
    places.push_back(static_cast<std::uint32_t>(places.size()));
  }
  by_identity_ = places;
  std::ranges::sort(by_identity_, {}, [&](auto place) { return members_[place].identity; });
  auto tier_of = [&](auto place) {
    return std::tuple(members_[place].rank, members_[place].priority);
  };
  std::ranges::sort(places, {}, [&](auto place) { return std::tuple(tier_of(place), place); });
  for (auto place : places) {
    auto [rank, priority] = tier_of(place);
    bool is_new =
        tiers_.empty() || std::tuple(tiers_.back().rank, tiers_.back().priority) != tier_of(place);
    if (is_new) tiers_.push_back({.rank = rank, .priority = priority, .places = {}, .table = {}});
    tiers_.back().places.push_back(place);
  }
  if (terms_.method != Method::Hash) return;
  for (auto& tier : tiers_) tier.table = make_table(members_, tier.places);
}

std::optional<std::uint32_t> MemberSet::find(std::uint64_t identity) const noexcept {
  auto identity_of = [&](auto place) { return members_[place].identity; };
  auto found = std::ranges::lower_bound(by_identity_, identity, {}, identity_of);
  bool is_found = found != by_identity_.end() && identity_of(*found) == identity;
  return is_found ? std::optional(*found) : std::nullopt;
}

Balancer::Balancer(std::shared_ptr<const MemberSet> set, const Bulletin& bulletin,
                   const PoolLoad& load, std::uint64_t seed)
    : set_(std::move(set)),
      bulletin_(bulletin),
      load_(load),
      random_(seed),
      issue_(bulletin.issue() - 1),  // nothing is known yet
      states_(set_->members().size(), State::Unknown) {
  for (const auto& tier : set_->tiers()) {
    tiers_.push_back({.policy = make_policy(tier, random_.next()), .candidates = {}});
    tiers_.back().candidates.reserve(tier.places.size());
    healths_.push_back({.rank = tier.rank});
    shares_.push_back(0);
  }
}

Balancer::~Balancer() = default;

std::unique_ptr<Policy> Balancer::make_policy(const MemberSet::Tier& tier,
                                              std::uint64_t seed) const {
  auto places = static_cast<std::uint32_t>(set_->members().size());
  switch (set_->terms().method) {
    case Method::RoundRobin:
      return std::make_unique<RoundRobin>(places, seed);
    case Method::LeastRequests:
      return std::make_unique<LeastRequests>(tier.places.size(), seed);
    case Method::PeakEwma:
      return std::make_unique<PeakEwma>(tier.places.size(), seed);
    case Method::Random:
      return std::make_unique<RandomChoice>(tier.places.size(), seed);
    case Method::Hash:
      return std::make_unique<Hashing>(tier.table, places, load_, set_->terms().hash_bound);
  }
  return nullptr;
}

std::optional<Choice> Balancer::choose(const Asked& asked) noexcept {
  if (bulletin_.issue() != issue_ || asked.now >= look_again_) look(asked.now);
  if (footing_ == Footing::Nobody) return std::nullopt;
  auto tier = draw_tier(asked.hash);
  if (auto place = tiers_[tier].policy->choose(asked)) return Choice{*place, footing_};
  if (auto elsewhere = choose_elsewhere(tier, asked)) return elsewhere;
  bool is_full = asked.doors && has_full(asked);
  return is_full ? std::nullopt : choose_ejected(asked);
}

// Somebody is well and merely has no room: better to wait for that than to ask who was left out.
bool Balancer::has_full(const Asked& asked) const noexcept {
  for (std::uint32_t place = 0; place < states_.size(); ++place) {
    if (states_[place] == State::Usable && asked.is_full(place)) return true;
  }
  return false;
}

std::optional<Choice> Balancer::choose_ejected(const Asked& asked) noexcept {
  auto count = static_cast<std::uint32_t>(states_.size());
  auto first = static_cast<std::uint32_t>(random_.next() % count);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto place = (first + i) % count;
    if (states_[place] == State::Ejected && !asked.passes_by(place)) {
      return Choice{place, Footing::Panic};
    }
  }
  return std::nullopt;
}

std::optional<Choice> Balancer::choose_elsewhere(std::size_t not_here,
                                                 const Asked& asked) noexcept {
  for (std::size_t i = 0; i < tiers_.size(); ++i) {
    if (i == not_here || tiers_[i].candidates.empty()) continue;
    auto place = tiers_[i].policy->choose(asked);
    if (!place) continue;
    if (footing_ == Footing::Panic) return Choice{*place, footing_};
    bool is_backup = set_->tiers()[i].rank == Rank::Backup;
    return Choice{*place, is_backup ? Footing::Backup : Footing::Spilled};
  }
  return std::nullopt;
}

// What is to stay with one member is to stay with one tier.
std::size_t Balancer::draw_tier(std::uint64_t hash) noexcept {
  if (tiers_.size() == 1) return 0;
  bool is_hash = set_->terms().method == Method::Hash;
  auto bits = is_hash ? base::mix(hash ^ 0x9e3779b97f4a7c15ULL) : random_.next();
  double drawn = static_cast<double>(bits >> 11) / static_cast<double>(1ULL << 53);
  std::size_t last = 0;
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    if (shares_[i] == 0) continue;
    last = i;
    if (drawn < shares_[i]) break;
    drawn -= shares_[i];
  }
  return last;
}

void Balancer::look(Time now) noexcept {
  issue_ = bulletin_.issue();  // first: what changes from here on is seen the next time
  bool has_ramped = now >= look_again_;
  bool has_changed = note_states();
  looked_ = now;
  if (!has_ramped && !has_changed) return;
  weigh_tiers();
  footing_ = share_out(healths_, set_->terms().spill, shares_);
  look_again_ = kNever;
  for (std::size_t i = 0; i < tiers_.size(); ++i) fill_tier(i, now);
}

Balancer::State Balancer::state_of(const Member& member) noexcept {
  if (member.weight == 0 || member.vitals->has(Ailment::Draining)) return State::Away;
  if (member.vitals->is_usable()) return State::Usable;
  return member.vitals->is_merely_ejected() ? State::Ejected : State::Down;
}

// True: somebody's has changed, and be it there and back, after which it starts slowly again. Else
// that issue was of another pool.
bool Balancer::note_states() noexcept {
  bool has_changed = false;
  bool is_slow = set_->terms().slow_start.window > Duration::zero();
  for (std::size_t place = 0; place < states_.size(); ++place) {
    const Member& member = set_->members()[place];
    auto state = state_of(member);
    has_changed |= state != states_[place];
    has_changed |= is_slow && member.vitals->usable_since() >= looked_;
    states_[place] = state;
  }
  spares_ejected_ = std::ranges::find(states_, State::Usable) == states_.end();
  return has_changed;
}

bool Balancer::is_in(State state) const noexcept {
  if (state == State::Usable) return true;
  if (state == State::Ejected) return spares_ejected_ || footing_ == Footing::Panic;
  return state == State::Down && footing_ == Footing::Panic;
}

void Balancer::weigh_tiers() noexcept {
  for (std::size_t i = 0; i < tiers_.size(); ++i) {
    healths_[i].weight = healths_[i].usable = 0;
    for (auto place : set_->tiers()[i].places) {
      double weight = set_->members()[place].weight;
      if (states_[place] != State::Away) healths_[i].weight += weight;
      bool is_usable =
          states_[place] == State::Usable || (spares_ejected_ && states_[place] == State::Ejected);
      if (is_usable) healths_[i].usable += weight;
    }
  }
}

void Balancer::fill_tier(std::size_t tier, Time now) noexcept {
  auto& candidates = tiers_[tier].candidates;
  candidates.clear();
  for (auto place : set_->tiers()[tier].places) {
    const Member& member = set_->members()[place];
    if (is_in(states_[place]))
      candidates.push_back({place, weight_now(member, now), member.vitals});
  }
  if (!candidates.empty()) tiers_[tier].policy->set_candidates(candidates, shares_[tier]);
}

double Balancer::weight_now(const Member& member, Time now) noexcept {
  constexpr Duration kStepMin = 10ms;
  const auto& terms = set_->terms();
  if (terms.method == Method::Hash) return member.weight;
  auto part = ramp(terms.slow_start, member.vitals->usable_since(), now);
  if (part < 1) look_again_ = now + std::max(terms.slow_start.window / 100, kStepMin);
  return member.weight * part;
}

}  // namespace cirque::upstream
