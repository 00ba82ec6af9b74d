#include "upstream/outlier.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cirque::upstream {
namespace {

using Member = OutlierGroup::Member;

// Among members that are all nearly perfect, one that is a little less so is far from the mean in
// standard deviations, and no worse for it. By feel.
constexpr double kWorseMin = 0.05;

// One more in a row. True: that made it so many; then it begins again.
bool reaches(std::atomic<std::uint32_t>& in_a_row, std::uint32_t threshold) noexcept {
  if (threshold == 0) return false;
  auto seen = in_a_row.load(std::memory_order_relaxed);
  while (true) {
    bool is_reached = seen + 1 >= threshold;
    if (in_a_row.compare_exchange_weak(seen, is_reached ? 0 : seen + 1,
                                       std::memory_order_relaxed)) {
      return is_reached;
    }
  }
}

// Writes only if there is something to forget.
void forget(std::atomic<std::uint32_t>& in_a_row) noexcept {
  if (in_a_row.load(std::memory_order_relaxed) != 0) {
    in_a_row.store(0, std::memory_order_relaxed);
  }
}

std::size_t ejected_max(const OutlierGroup& group) noexcept {
  auto count = group.members.size();
  if (count < 2) return 0;
  auto share = static_cast<double>(count) * group.policy.ejected_percent_max / 100;
  return std::max<std::size_t>(1, static_cast<std::size_t>(share));
}

bool has_other_usable(const OutlierGroup& group, const Member& member) noexcept {
  return std::ranges::any_of(group.members, [&](const Member& other) {
    return other.vitals != member.vitals && other.vitals->is_usable();
  });
}

// How many times it has been ejected, with this one, less what is forgiven since it came back.
std::uint32_t times_now(std::uint32_t times, Time back_since, const OutlierPolicy& policy,
                        Time now) noexcept {
  if (times == 0) return 1;
  auto well = std::max(now - back_since, Duration::zero());
  auto forgiven = well / std::max<Duration>(policy.ejection, 1ns);
  return forgiven >= times ? 1 : times - static_cast<std::uint32_t>(forgiven) + 1;
}

}  // namespace

std::string_view name_of(EjectionCause cause) noexcept {
  switch (cause) {
    case EjectionCause::None:
      return "none";
    case EjectionCause::Errors:
      return "errors";
    case EjectionCause::GatewayErrors:
      return "gateway_errors";
    case EjectionCause::SuccessRate:
      return "success_rate";
  }
  return "";
}

bool Outliers::on_result(const OutlierGroup& group, std::uint32_t place, Outcome outcome,
                         Time now) noexcept {
  Conduct& conduct = *group.members[place].conduct;
  if (group.is_usual(place, outcome)) return false;
  if (conduct.ejected_for() != EjectionCause::None) return false;
  count(group, conduct, outcome);
  if (conduct.accused_of_.load(std::memory_order_relaxed) == EjectionCause::None) return false;
  return judge(group, now);
}

// Nobody but a judge changes a standing: its time is over, and one looks.
void Outliers::pardon(const OutlierGroup& group, std::uint32_t place, Time now) noexcept {
  Conduct& conduct = *group.members[place].conduct;
  if (conduct.ejected_for() == EjectionCause::None) return;
  conduct.until_.store(now, std::memory_order_relaxed);
  judge(group, now);
}

void Outliers::count(const OutlierGroup& group, Conduct& conduct, Outcome outcome) noexcept {
  const auto& policy = group.policy;
  bool is_good = outcome == Outcome::Good;
  if (group.compares()) {
    conduct.window_.fetch_add(Conduct::kOne + (is_good ? Conduct::kGoodOne : 0),
                              std::memory_order_relaxed);
  }
  if (is_good) forget(conduct.errors_);
  if (outcome != Outcome::Gateway) forget(conduct.gateway_errors_);
  if (is_good) return;
  auto accuse = [&](EjectionCause cause) {
    conduct.accused_of_.store(cause, std::memory_order_relaxed);
  };
  if (reaches(conduct.errors_, policy.errors)) accuse(EjectionCause::Errors);
  bool is_gateway = outcome == Outcome::Gateway;
  if (is_gateway && reaches(conduct.gateway_errors_, policy.gateway_errors)) {
    accuse(EjectionCause::GatewayErrors);
  }
}

// The one who finds nobody asking judges for all who ask meanwhile. What they did before they asked
// is seen by the judge, who reads their count and begins again if it has changed.
//
// A judge may have an older group than somebody who asks, for as long as a reload takes: then the
// next sweep finds who is accused.
bool Outliers::judge(const OutlierGroup& group, Time now) noexcept {
  if (asks_.fetch_add(1, std::memory_order_acq_rel) != 0) return false;
  Sentence sentence;
  std::uint32_t asked = 1;
  do {
    asked = asks_.load(std::memory_order_acquire);
    release(group, now, sentence);
    try_accused(group, now, sentence);
  } while (!asks_.compare_exchange_strong(asked, 0, std::memory_order_acq_rel));
  return sentence.has_changed;
}

// Those whose time is over. Counts the others.
void Outliers::release(const OutlierGroup& group, Time now, Sentence& so_far) noexcept {
  so_far.ejected = 0;
  for (const auto& [conduct, vitals] : group.members) {
    if (conduct->ejected_for() == EjectionCause::None) continue;
    if (now < conduct->ejected_until()) {
      ++so_far.ejected;
      continue;
    }
    forget(conduct->errors_);
    forget(conduct->gateway_errors_);
    conduct->window_.store(0, std::memory_order_relaxed);
    conduct->accused_of_.store(EjectionCause::None, std::memory_order_relaxed);
    conduct->cause_.store(EjectionCause::None, std::memory_order_relaxed);
    vitals->clear(Ailment::Ejected, now);
    so_far.has_changed = true;
  }
}

void Outliers::try_accused(const OutlierGroup& group, Time now, Sentence& so_far) noexcept {
  for (const Member& member : group.members) {
    Conduct& conduct = *member.conduct;
    if (conduct.accused_of_.load(std::memory_order_relaxed) == EjectionCause::None) continue;
    auto cause = conduct.accused_of_.exchange(EjectionCause::None, std::memory_order_relaxed);
    if (conduct.ejected_for() != EjectionCause::None) continue;
    if (so_far.ejected < ejected_max(group) && has_other_usable(group, member)) {
      eject(member, cause, group.policy, now);
      ++so_far.ejected;
      so_far.has_changed = true;
    } else {
      spared_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void Outliers::eject(const Member& member, EjectionCause cause, const OutlierPolicy& policy,
                     Time now) noexcept {
  Conduct& conduct = *member.conduct;
  auto times = times_now(conduct.times_.load(std::memory_order_relaxed), conduct.ejected_until(),
                         policy, now);
  conduct.times_.store(times, std::memory_order_relaxed);
  conduct.until_.store(now + std::min(policy.ejection * times, policy.ejection_max),
                       std::memory_order_relaxed);
  conduct.last_cause_.store(cause, std::memory_order_relaxed);
  conduct.cause_.store(cause, std::memory_order_relaxed);
  conduct.ejections_.fetch_add(1, std::memory_order_release);
  member.vitals->set(Ailment::Ejected);
}

void Outliers::sweep(const OutlierGroup& group, Time now, const OnChange& on_change) {
  if (now >= window_end_) {
    if (window_end_ != Time::min()) compare(group);
    window_end_ = now + group.policy.window;
  }
  judge(group, now);
  for (std::uint32_t place = 0; place < group.members.size(); ++place) {
    Conduct& conduct = *group.members[place].conduct;
    auto tell = [&](EjectionCause cause) {
      conduct.told_ = cause;
      on_change(place, cause);
    };
    auto ejections = conduct.ejections_.load(std::memory_order_acquire);
    if (ejections != std::exchange(conduct.told_ejections_, ejections)) {
      tell(conduct.last_cause_.load(std::memory_order_relaxed));
    }
    auto cause = conduct.ejected_for();
    if (cause != conduct.told_) tell(cause);
  }
}

// Accuses those whose share of good answers is far below the others'. Begins the next window.
void Outliers::compare(const OutlierGroup& group) noexcept {
  const auto& policy = group.policy;
  double count = 0;
  double sum = 0;
  double squares = 0;
  auto rate_of = [](std::uint64_t window) {
    return static_cast<double>(window >> 32) / static_cast<double>(window & UINT32_MAX);
  };
  auto has_enough = [&](std::uint64_t window) {
    return (window & UINT32_MAX) >= std::max<std::uint32_t>(1, policy.window_requests_min);
  };
  std::vector<std::uint64_t> windows;
  for (const auto& [conduct, vitals] : group.members) {
    windows.push_back(conduct->window_.exchange(0, std::memory_order_relaxed));
    if (!has_enough(windows.back())) continue;
    auto rate = rate_of(windows.back());
    ++count;
    sum += rate;
    squares += rate * rate;
  }
  if (policy.window_members_min == 0 || count < policy.window_members_min) return;
  auto mean = sum / count;
  auto deviation = std::sqrt(std::max(0.0, squares / count - mean * mean));
  auto least = mean - std::max(kWorseMin, policy.deviations * deviation);
  for (std::size_t place = 0; place < windows.size(); ++place) {
    if (!has_enough(windows[place]) || rate_of(windows[place]) >= least) continue;
    group.members[place].conduct->accused_of_.store(EjectionCause::SuccessRate,
                                                    std::memory_order_relaxed);
  }
}

}  // namespace cirque::upstream
