#pragma once
// Who is in a pool, how each one fares there, and how its requests are shared out.
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "upstream/backend.h"
#include "upstream/balancer.h"
#include "upstream/gate.h"
#include "upstream/outlier.h"
#include "upstream/sticky.h"

namespace cirque::upstream {

// What a pool has found out of one backend, by its checks and by its requests. Any thread; kept as
// long as the pool lists the backend, whatever else changes.
struct Standing {
  Standing(Bulletin& bulletin, Time since) noexcept : vitals(bulletin, since) {}

  Vitals vitals;
  Conduct conduct;
  Gate gate;
};

struct Seat {
  std::shared_ptr<Backend> backend;
  std::shared_ptr<Standing> standing;
  // What its requests are counted by, which another pool with the same backend does for itself: an
  // index in observe::Registry, and what keeps that row on the page.
  unsigned metrics = 0;
  std::shared_ptr<const void> presence = {};
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;
  Rank rank = Rank::Main;
  bool drains = false;  // as its vitals say, when the roll was made
};

// The members of a pool, by their place. Frozen, and shared by all workers.
struct Roll {
  std::vector<Seat> seats;
  // Null: they take turns, one as often as the other, which needs no lists.
  std::shared_ptr<const MemberSet> members = {};
  OutlierGroup outliers = {};  // without members: nobody is left out
  std::optional<StickyTerms> sticky = {};
  bool has_gates = false;  // each of its members has limits of its own
};

// What a pool asks of its members, beside health.
struct RollTerms {
  BalancerTerms balancer = {.method = Method::RoundRobin};
  bool has_outliers = false;
  OutlierPolicy outliers = {};
  std::optional<StickyTerms> sticky = {};  // has a key, where a roll is made of it
  GatePolicy gates = {};

  bool operator==(const RollTerms&) const = default;
};

// Steward only: the gates of the seats are set to the terms.
Roll make_roll(std::vector<Seat> seats, const RollTerms& terms);

}  // namespace cirque::upstream
