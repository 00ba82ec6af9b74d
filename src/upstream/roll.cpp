#include "upstream/roll.h"

#include <algorithm>

#include "base/hash.h"

namespace cirque::upstream {
namespace {

bool take_even_turns(const std::vector<Seat>& seats, const RollTerms& all) {
  const auto& terms = all.balancer;
  bool is_plain = !all.sticky && !all.gates.is_any() && terms.method == Method::RoundRobin &&
                  terms.spill.panic_percent == 0 && terms.slow_start.window == Duration::zero();
  return is_plain && std::ranges::all_of(seats, [](const Seat& seat) {
           return seat.weight == 1 && seat.priority == 0 && seat.rank == Rank::Main;
         });
}

}  // namespace

Roll make_roll(std::vector<Seat> seats, const RollTerms& terms) {
  Roll roll{.seats = std::move(seats)};
  roll.has_gates = terms.gates.is_any();
  for (const auto& seat : roll.seats) seat.standing->gate.set_policy(terms.gates);
  if (!take_even_turns(roll.seats, terms)) {
    std::vector<Member> members;
    for (const auto& seat : roll.seats) {
      members.push_back({.identity = base::hash(seat.backend->key.address.text()),
                         .vitals = &seat.standing->vitals,
                         .weight = seat.weight,
                         .priority = seat.priority,
                         .rank = seat.rank});
    }
    roll.members = std::make_shared<const MemberSet>(std::move(members), terms.balancer);
  }
  roll.sticky = terms.sticky;
  if (!terms.has_outliers) return roll;
  roll.outliers.policy = terms.outliers;
  for (const auto& seat : roll.seats) {
    roll.outliers.members.push_back({&seat.standing->conduct, &seat.standing->vitals});
  }
  return roll;
}

}  // namespace cirque::upstream
