#include "control/rate_limits.h"

#include <algorithm>
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

Meetings meetings_of(const config::RatesMet& met, const RateSubject& subject, const Lane& lane) {
  auto* all = subject.exchange.arena.take_array<Meeting>(met.size());
  auto* at = all;
  for (auto rate : met) {
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

// The usual case at a third of its price: one limit, which lets pass and has nothing to tell.
// False: nothing was charged, and the long way will say why.
bool passes_alone(std::uint32_t rate, const RateSubject& subject, const Lane& lane) {
  const auto& plan = lane.blueprint->rates[rate];
  if (plan.headers) return false;
  auto& accounts = *lane.rates[rate];
  auto key = rate_key(plan, accounts.hash_key, subject);
  return accounts.limiter.take(key, plan.rate, subject.exchange.started).allowed;
}

[[gnu::noinline]] Result<Unit> meet_all(const RateSubject& subject, const Lane& lane) {
  auto met = lane.blueprint->rates_met(*lane.plan, subject.decision);
  if (met.size() == 0) return done;
  if (met.size() == 1 && passes_alone(*met.begin(), subject, lane)) return done;
  auto& exchange = subject.exchange;
  auto meetings = meetings_of(met, subject, lane);
  auto now = exchange.started;
  bool is_refused = meetings.size() > 1 && would_refuse(meetings, now);
  if (is_refused || !charge(meetings, now)) return fail(refuse(exchange, meetings));
  tell_dry_runs(exchange, meetings);
  tell_limits(exchange, meetings, [](const Meeting& m) { return m.plan->headers; });
  return done;
}

}  // namespace

Result<Unit> meet_rate_limits(Exchange& exchange, const Lane& lane,
                              const config::Decision& decision) {
  RateSubject subject{exchange, *lane.blueprint, *lane.plan, decision};
  const auto& only = lane.plan->only_rates;
  if (only.size() == 1 && passes_alone(only.front(), subject, lane)) return done;
  return meet_all(subject, lane);
}

}  // namespace cirque::control
