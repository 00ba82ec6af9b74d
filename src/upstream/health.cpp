#include "upstream/health.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "upstream/health_probe.h"

namespace cirque::upstream {
namespace {

void tell(const Seat& seat, const Result<Unit>& outcome) {
  if (!log::is_on(log::Level::Debug)) return;
  log::debug("upstream", "health check",
             {{"backend", seat.backend->name},
              {"address", seat.backend->key.address.text()},
              {"outcome", outcome ? std::string_view("passed") : outcome.error().reason}});
}

}  // namespace

bool HealthState::count(bool success) noexcept {
  if (success == healthy_) {
    in_a_row_ = 0;
    return false;
  }
  auto needed = success ? policy_.healthy_threshold : policy_.unhealthy_threshold;
  if (++in_a_row_ < needed) return false;
  healthy_ = success;
  in_a_row_ = 0;
  return true;
}

HealthChecks::HealthChecks(loop::Loop& loop, HealthPace& pace, HealthPolicy policy,
                           Listener listener)
    : loop_(loop), pace_(pace), policy_(std::move(policy)), listener_(std::move(listener)) {}

void HealthChecks::set_policy(const HealthPolicy& policy) {
  // Who sleeps for an hour would not hear of a minute before that is over.
  if (policy.interval < policy_.interval) probes_.clear();
  policy_ = policy;
}

void HealthChecks::watch(const std::vector<Seat>& seats) {
  std::set<const Standing*> wanted;
  for (const auto& seat : seats) wanted.insert(seat.standing.get());
  std::erase_if(probes_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const auto& seat : seats) {
    auto& scope = probes_[seat.standing.get()];
    if (scope) continue;
    scope = std::make_unique<loop::Scope>();
    scope->spawn(probe_forever(seat));
  }
}

Task<> HealthChecks::probe_forever(Seat seat) {
  auto& vitals = seat.standing->vitals;
  HealthState state(policy_, !vitals.has(Ailment::Unhealthy));
  co_await wait_as_newcomer();
  for (;;) {
    co_await wait(pace_.before_any(loop_.now()));
    auto outcome = co_await probe(loop_, policy_, *seat.backend);
    tell(seat, outcome);
    if (!outcome) listener_.on_failure(seat, outcome.error().reason);
    bool is_telling = outcome || !is_ours(outcome.error());
    if (is_telling && state.count(outcome.has_value())) {
      if (state.is_healthy()) {
        vitals.clear(Ailment::Unhealthy, loop_.now());
      } else {
        vitals.set(Ailment::Unhealthy);
      }
      listener_.on_change(seat, state.is_healthy(), outcome ? "" : outcome.error().reason);
    }
    co_await loop_.sleep(until_next(state.is_in_transition()));
  }
}

Task<> HealthChecks::wait_as_newcomer() {
  HealthPace::Newcomer newcomer(pace_);
  co_await loop_.breathe();  // until all those of this configuration are there
  constexpr auto kChances = std::uint64_t{1} << 53;
  auto chance = static_cast<double>(random_.next() % kChances) / static_cast<double>(kChances);
  co_return co_await wait(pace_.before_first(policy_.interval, chance));
}

Task<> HealthChecks::wait(Duration time) {
  if (time > Duration::zero()) co_await loop_.sleep(time);
  co_return done;
}

// Up to a tenth sooner, by chance: many backends are not to be asked all at once.
Duration HealthChecks::until_next(bool is_in_transition) noexcept {
  constexpr Duration kSoon = 1s;
  auto interval = is_in_transition ? std::min(kSoon, policy_.interval) : policy_.interval;
  auto tenth = static_cast<std::uint64_t>(interval / 10ns);
  return interval - Duration(tenth > 0 ? random_.next() % tenth : 0);
}

}  // namespace cirque::upstream
