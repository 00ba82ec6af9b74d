#include "control/rate_limits.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "base/text.h"
#include "control/rate_accounts.h"
#include "control/rate_key.h"

namespace cirque::control {
namespace {

// One limit that a request meets, and what it says.
struct Meeting {
  const config::RatePlan* plan;
  RateAccounts* accounts;
  std::uint64_t key;
  base::RateVerdict verdict;

  bool is_refusal() const noexcept { return !verdict.allowed && !plan->dry_run; }
};

using Meetings = std::span<Meeting>;

Meetings meetings_of(std::span<const std::uint32_t> rates, const RateSubject& subject,
                     const Lane& lane) {
  auto* all = subject.exchange.arena.take_array<Meeting>(rates.size());
  auto* at = all;
  for (auto rate : rates) {
    const auto& plan = lane.blueprint->rates[rate];
    auto& accounts = *lane.rates[rate];
    *at++ = {&plan, &accounts, rate_key(plan, accounts.hash_key, subject), {}};
  }
  return {all, at};
}

bool would_refuse(Meetings meetings, Time now) noexcept {
  for (auto& m : meetings) m.verdict = m.accounts->limiter.look(m.key, m.plan->rate, now);
  return std::ranges::any_of(meetings, &Meeting::is_refusal);
}

// False: refused, and nothing is charged.
bool charge(Meetings meetings, Time now) noexcept {
  for (auto at = meetings.begin(); at != meetings.end(); ++at) {
    at->verdict = at->accounts->limiter.take(at->key, at->plan->rate, now);
    if (!at->is_refusal()) continue;
    for (auto before = meetings.begin(); before != at; ++before) {
      if (!before->verdict.allowed) continue;  // a dry run, which has charged nothing
      before->accounts->limiter.give_back(before->key, before->plan->rate, now);
    }
    return false;
  }
  return true;
}

std::uint64_t seconds(Duration time) noexcept {
  return static_cast<std::uint64_t>((time + 1s - 1ns) / 1s);
}

void append_number(std::string& text, std::uint64_t number) {
  char digits[20];
  text.append(digits, base::write_number(digits, number));
}

// draft-ietf-httpapi-ratelimit-headers, of those limits that `is_told` takes.
template <class IsTold>
void tell_limits(Exchange& exchange, Meetings meetings, IsTold is_told) {
  std::string policies, states;
  for (const auto& m : meetings) {
    if (m.plan->dry_run || !is_told(m)) continue;
    std::string_view between = policies.empty() ? "" : ", ";
    policies.append(between).append(m.plan->policy);
    states.append(between).append("\"").append(m.plan->name).append("\";r=");
    append_number(states, m.verdict.remaining);
    append_number(states.append(";t="), seconds(m.verdict.reset));
  }
  if (policies.empty()) return;
  exchange.stamps().set(Name::RateLimitPolicy, policies);
  exchange.stamps().set(Name::RateLimit, states);
}

// The client is told of the one that it has to wait for the longest.
Error refuse(Exchange& exchange, Meetings meetings) {
  const Meeting* longest = nullptr;
  for (const auto& m : meetings) {
    if (!m.is_refusal()) continue;
    if (!longest || m.verdict.retry_after > longest->verdict.retry_after) longest = &m;
  }
  longest->accounts->refused.fetch_add(1, std::memory_order_relaxed);
  std::string wait;
  append_number(wait, std::max<std::uint64_t>(1, seconds(longest->verdict.retry_after)));
  exchange.stamps().set(Name::RetryAfter, wait);
  tell_limits(exchange, meetings, [](const Meeting&) { return true; });
  exchange.log_fields().set("rate_limit", longest->plan->name);
  exchange.note("rate limit '" + longest->plan->name + "' is used up");
  return {.fault = Fault::Overload, .side = Side::Us, .status = 429, .reason = "rate_limited"};
}

void tell_dry_runs(Exchange& exchange, Meetings meetings) {
  std::string names;
  for (const auto& m : meetings) {
    if (m.verdict.allowed) continue;
    m.accounts->let_pass.fetch_add(1, std::memory_order_relaxed);
    names.append(names.empty() ? "" : ",").append(m.plan->name);
  }
  if (!names.empty()) exchange.log_fields().set("rate_limit_dry_run", names);
}

// A charge of several accounts, or of none of them.
class QuietCharge {
 public:
  static constexpr std::size_t kMax = 4;  // by feel: one of each place where they are named

  explicit QuietCharge(Time now) noexcept : now_(now) {}

  void add(base::RateLimiter& limiter, const base::Rate& rate, std::uint64_t key) noexcept {
    all_[count_++] = {&limiter, &rate, key};
  }

  // Nobody is charged for what another one refuses: the last says so when it is charged, the others
  // are asked before.
  bool take_all() noexcept {
    for (std::size_t i = 0; i + 1 < count_; ++i) {
      if (!all_[i].limiter->would_allow(all_[i].key, *all_[i].rate, now_)) return false;
    }
    for (auto i = count_; i-- > 0;) {
      if (all_[i].limiter->try_take(all_[i].key, *all_[i].rate, now_)) continue;
      give_back_behind(i);
      return false;
    }
    return true;
  }

 private:
  struct Account {
    base::RateLimiter* limiter;
    const base::Rate* rate;
    std::uint64_t key;
  };

  void give_back_behind(std::size_t refused) noexcept {
    for (auto i = refused + 1; i < count_; ++i) {
      all_[i].limiter->give_back(all_[i].key, *all_[i].rate, now_);
    }
  }

  const Time now_;
  std::array<Account, kMax> all_;  // so many as count_ says
  std::size_t count_ = 0;
};

// The usual case at a third of its price: a few limits, which all let it pass and have nothing to
// tell. False: nothing was charged, and the long way will say why.
bool passes_quietly(std::span<const std::uint32_t> rates, const RateSubject& subject,
                    const Lane& lane) {
  if (rates.size() > QuietCharge::kMax) return false;
  QuietCharge charge(subject.exchange.started);
  for (auto rate : rates) {
    const auto& plan = lane.blueprint->rates[rate];
    if (plan.headers) return false;
    auto& accounts = *lane.rates[rate];
    charge.add(accounts.limiter, plan.rate, rate_key(plan, accounts.hash_key, subject));
  }
  return charge.take_all();
}

[[gnu::noinline]] Result<Unit> meet_all(std::span<const std::uint32_t> rates,
                                        const RateSubject& subject, const Lane& lane) {
  auto& exchange = subject.exchange;
  auto meetings = meetings_of(rates, subject, lane);
  auto now = exchange.started;
  bool is_refused = meetings.size() > 1 && would_refuse(meetings, now);
  if (is_refused || !charge(meetings, now)) return fail(refuse(exchange, meetings));
  tell_dry_runs(exchange, meetings);
  tell_limits(exchange, meetings, [](const Meeting& m) { return m.plan->headers; });
  return done;
}

Result<Unit> meet(std::span<const std::uint32_t> rates, const RateSubject& subject,
                  const Lane& lane) {
  if (rates.empty() || passes_quietly(rates, subject, lane)) return done;
  return meet_all(rates, subject, lane);
}

}  // namespace

Result<Unit> meet_rate_limits(Exchange& exchange, const Lane& lane,
                              const config::Decision& decision) {
  RateSubject subject{exchange, *lane.blueprint, *lane.plan, decision};
  if (lane.plan->only_route != config::kNone) return meet(lane.plan->only_rates, subject, lane);
  auto met = lane.blueprint->rates_met(*lane.plan, decision);
  return meet({met.begin(), met.end()}, subject, lane);
}

}  // namespace cirque::control
