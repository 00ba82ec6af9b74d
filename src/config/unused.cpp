#include "config/unused.h"

#include <fmt/format.h>

#include "config/critic.h"

namespace cirque::config {
namespace {

// Who stands in for a pool that has something to do has it, too.
void use_fallbacks(std::vector<bool>& pools, const Blueprint& plan) {
  for (std::size_t i = 0; i < pools.size(); ++i) {
    if (!pools[i]) continue;
    auto next = plan.pools[i].fallback;
    for (; next < pools.size() && !pools[next]; next = plan.pools[next].fallback) {
      pools[next] = true;
    }
  }
}

class Telling : Critic {
 public:
  Telling(const Model& model, const Uses& uses, const Places& places, Report& report)
      : Critic(places, report), model_(model), uses_(uses) {}

  void pools() {
    for (std::size_t i = 0; i < uses_.pools.size(); ++i) {
      const auto& name = model_.pools[i].name;
      if (uses_.pools[i] || !places_.at(&name)) continue;
      add(Code::UnusedPool, &name, fmt::format("no route leads to the pool '{}'", name));
    }
  }

  void rates() {
    for (std::size_t i = 0; i < uses_.rates.size(); ++i) {
      const auto& name = model_.rate_limits[i].name;
      if (uses_.rates[i] || !places_.at(&name)) continue;
      add(Code::UnusedRateLimit, &name, fmt::format("nothing names the rate limit '{}'", name));
    }
  }

  void tables() {
    for (std::size_t i = 0; i < uses_.tables.size(); ++i) {
      const auto& name = model_.routing_tables[i].name;
      if (uses_.tables[i] || !places_.at(&name)) continue;
      add(Code::UnusedTable, &name, fmt::format("no route uses the routing table '{}'", name));
    }
  }

  // What carries a tag may stand by for the day when that tag is the one that is asked for.
  void backends() {
    for (std::size_t i = 0; i < uses_.backends.size(); ++i) {
      const auto& backend = model_.backends[i];
      bool stands_by = uses_.are_tags_asked_for && !backend.tags.empty();
      bool is_told = !places_.at(&backend.id) || is_spoiled(&backend);
      if (uses_.backends[i] || stands_by || is_told) continue;
      add(Code::UnusedBackend, &backend.id,
          fmt::format("nothing uses the backend '{}'", backend.id));
    }
  }

 private:
  const Model& model_;
  const Uses& uses_;
};

}  // namespace

Uses::Uses(const Model& model)
    : pools(model.pools.size()),
      rates(model.rate_limits.size()),
      tables(model.routing_tables.size()),
      backends(model.backends.size()) {}

// Mistakes in these sections are about nothing that has a name.
bool may_hide_uses(const Report& report) {
  static constexpr std::string_view kSections[] = {"server", "timeouts", "limits",  "logging",
                                                   "admin",  "metrics",  "version", "backends"};
  return report.has_errors_but_in(kSections);
}

void tell_unused(const Model& model, const Blueprint& plan, Uses uses, const Places& places,
                 Report& report) {
  if (may_hide_uses(report)) return;
  use_fallbacks(uses.pools, plan);
  Telling telling(model, uses, places, report);
  telling.pools();
  telling.rates();
  telling.tables();
  telling.backends();
}

}  // namespace cirque::config
