#include "upstream/round_robin.h"

namespace cirque::upstream {

RoundRobin::RoundRobin(std::uint32_t places, std::uint64_t seed) : paces_(places), random_(seed) {
  turns_.reserve(places);
}

// Who stays keeps its turn; who comes gets one within its stride, and not at once: many that come
// back together must not all be asked first.
void RoundRobin::set_candidates(std::span<const Candidate> candidates, double) noexcept {
  note_what_is_left();
  turns_.clear();
  std::uint32_t place = 0;
  for (const auto& candidate : candidates) {
    while (place < candidate.place) paces_[place++] = {};
    auto stride = Turns::stride_of(candidate.weight);
    auto when = first_turn(paces_[place], stride);
    paces_[place++] = {.stride = stride};
    turns_.add({.when = when, .who = candidate.place});
  }
  while (place < paces_.size()) paces_[place++] = {};
  turns_.settle();
}

void RoundRobin::note_what_is_left() noexcept {
  for (const auto& turn : turns_.all()) {
    paces_[turn.who].left = turn.when - turns_.first().when;
  }
}

// Time begins anew, at zero, with the turn that was next.
Turns::When RoundRobin::first_turn(const Pace& before, Turns::When stride) noexcept {
  if (before.stride == stride) return before.left;
  auto share = before.stride == 0
                   ? static_cast<double>(random_.next() >> 32) / static_cast<double>(1ULL << 32)
                   : static_cast<double>(before.left) / static_cast<double>(before.stride);
  return static_cast<Turns::When>(share * static_cast<double>(stride));
}

std::optional<std::uint32_t> RoundRobin::choose(const Asked& asked) noexcept {
  // A second attempt takes no turn of its own: with two members, of which one fails, every first
  // attempt would fall to the same one.
  if (!asked.tried.empty()) {
    return first_wanted(asked);
  }
  if (asked.doors) pass_by(asked);
  auto place = turns_.first().who;
  if (asked.doors && asked.passes_by(place)) return first_wanted(asked);
  turns_.advance(paces_[place].stride);
  return place;
}

std::optional<std::uint32_t> RoundRobin::first_wanted(const Asked& asked) const noexcept {
  auto* turn = turns_.first_wanted([&](auto place) { return !asked.passes_by(place); });
  return turn ? std::optional(turn->who) : std::nullopt;
}

// Whoever has no room loses its turns meanwhile, or the others would get them all when it has, and
// one of them all those that it cannot take. Of great weights some may be left.
void RoundRobin::pass_by(const Asked& asked) noexcept {
  for (auto left = 2 * turns_.all().size(); left > 0; --left) {
    auto place = turns_.first().who;
    if (!asked.passes_by(place)) return;
    turns_.advance(paces_[place].stride);
  }
}

}  // namespace cirque::upstream
