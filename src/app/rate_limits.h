#pragma once
// The rate limits of the configuration as they run.
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/blueprint.h"
#include "control/rate_accounts.h"
#include "observe/metrics.h"

namespace cirque::app {

// Lives on the steward's thread. What a limit remembers lives as long as anybody has it.
class RateLimits {
 public:
  // From now on these, by name: a limit that stays keeps its accounts, under whatever rate it has
  // now, unless it has another number of entries. By index of the blueprint.
  std::vector<std::shared_ptr<control::RateAccounts>> apply(const config::Blueprint& wanted);

  // Every worker has them: who has spent a limit that was lower until now no longer waits by that.
  void settle(Time now) noexcept;

  // In the order of the configuration.
  std::vector<observe::RateCounts> counts() const;

 private:
  struct Running {
    std::size_t entries;
    base::Rate rate;
    bool is_settled;
    std::shared_ptr<control::RateAccounts> accounts;
  };

  std::unordered_map<std::string, Running> running_;
  std::vector<std::string> names_;
};

}  // namespace cirque::app
