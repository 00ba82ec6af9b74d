#include "app/rate_limits.h"

namespace cirque::app {

std::vector<std::shared_ptr<control::RateAccounts>> RateLimits::apply(
    const config::Blueprint& wanted) {
  std::vector<std::shared_ptr<control::RateAccounts>> all;
  auto before = std::exchange(running_, {});
  names_.clear();
  for (const auto& plan : wanted.rates) {
    auto known = before.find(plan.name);
    auto& now = running_[plan.name];
    if (known == before.end()) {
      now = {plan.entries, plan.rate, true, std::make_shared<control::RateAccounts>(plan.entries)};
    } else if (known->second.entries != plan.entries) {
      const auto& was = *known->second.accounts;
      now = {plan.entries, plan.rate, true,
             std::make_shared<control::RateAccounts>(plan.entries, was)};
    } else {
      now = known->second;
      now.is_settled = now.is_settled && now.rate == plan.rate;
      now.rate = plan.rate;
    }
    all.push_back(now.accounts);
    names_.push_back(plan.name);
  }
  return all;
}

void RateLimits::settle(Time now) noexcept {
  for (auto& [name, running] : running_) {
    if (!std::exchange(running.is_settled, true)) {
      running.accounts->limiter.cap_debts(running.rate, now);
    }
  }
}

std::vector<observe::RateCounts> RateLimits::counts() const {
  std::vector<observe::RateCounts> all;
  for (const auto& name : names_) {
    const auto& accounts = *running_.at(name).accounts;
    all.push_back({.limit = name,
                   .refused = accounts.refused.load(std::memory_order_relaxed),
                   .let_pass = accounts.let_pass.load(std::memory_order_relaxed),
                   .forgotten = accounts.forgotten(),
                   .bytes = accounts.limiter.bytes()});
  }
  return all;
}

}  // namespace cirque::app
