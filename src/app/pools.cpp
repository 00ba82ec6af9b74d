#include "app/pools.h"

#include <sys/random.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/check.h"
#include "base/log.h"

namespace cirque::app {
namespace {

bool same(const upstream::GuardPolicy& a, const upstream::GuardPolicy& b) {
  return a.has_breaker == b.has_breaker && a.concurrency == b.concurrency &&
         a.adaptive == b.adaptive && a.queue == b.queue &&
         a.breaker.failure_threshold == b.breaker.failure_threshold &&
         a.breaker.timeout == b.breaker.timeout;
}

bool same(const config::PoolPlan& a, const config::PoolPlan& b) {
  return a.health == b.health && same(a.guard, b.guard) && a.terms == b.terms &&
         a.hash_by == b.hash_by && a.retries == b.retries && a.host == b.host &&
         a.body_max == b.body_max && a.origins == b.origins;
}

// For cookies where the configuration has no key: as long as this process lives.
std::string key_by_chance() {
  std::string key(32, '\0');
  CIRQUE_CHECK(::getrandom(key.data(), key.size(), 0) == static_cast<ssize_t>(key.size()));
  return key;
}

void count_queue(const upstream::QueueCounts& queue, observe::PoolCounts& counts) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  counts.waited += queue.waited.load(kRelaxed);
  counts.timed_out += queue.timed_out.load(kRelaxed);
  counts.refused += queue.refused.load(kRelaxed);
  counts.waited_time += std::chrono::nanoseconds(queue.waited_ns.load(kRelaxed));
}

}  // namespace

struct Pools::Running {
  Running(const config::PoolPlan& p, std::shared_ptr<upstream::Pool> empty, proxy::Engine& engine,
          net::Resolver& resolver, upstream::HealthPace& pace, upstream::KeeperSettings settings)
      : plan(p),
        pool(std::move(empty)),
        guard(upstream::Guard::make(plan.guard, engine.loops())),
        keeper(engine.steward_loop(), resolver, engine.directory(), engine.registry(), pace, *pool,
               settings) {
    keeper.on_change = [&engine] { engine.forget_departed(); };
  }

  config::PoolPlan plan;
  std::shared_ptr<upstream::Pool> pool;
  std::shared_ptr<upstream::Guard> guard;
  upstream::Keeper keeper;
};

Pools::Pools(proxy::Engine& engine, net::Resolver& resolver)
    : engine_(engine), resolver_(resolver), own_key_(key_by_chance()) {}

Pools::~Pools() = default;

upstream::KeeperSettings Pools::settings_of(const config::PoolPlan& plan,
                                            Duration dns_refresh) const {
  upstream::KeeperSettings settings{.health = plan.health,
                                    .terms = plan.terms,
                                    .retries = plan.retries.budget,
                                    .dns_refresh = dns_refresh};
  auto& sticky = settings.terms.sticky;
  if (sticky && sticky->keys.empty()) sticky->keys = {own_key_};
  return settings;
}

// With the last exchange that could choose from it, its backends may have left, too.
std::shared_ptr<upstream::Pool> Pools::make_pool(const std::string& name) {
  auto bury = [engine = &engine_, alive = std::weak_ptr(alive_)](upstream::Pool* pool) {
    delete pool;
    if (!alive.expired()) engine->forget_departed();
  };
  return {new upstream::Pool(name, engine_.directory().bulletin), bury};
}

std::unique_ptr<Pools::Running> Pools::make(const config::PoolPlan& plan, Duration dns_refresh) {
  auto made = std::make_unique<Running>(plan, make_pool(plan.name), engine_, resolver_,
                                        health_pace_, settings_of(plan, dns_refresh));
  made->keeper.start(origins_of(plan));
  return made;
}

std::vector<control::Serving> Pools::apply(const config::Blueprint& wanted, Duration dns_refresh,
                                           Change& change) {
  std::vector<control::Serving> pools;
  dns_refresh_ = dns_refresh;
  auto before = std::move(running_);
  running_.clear();
  for (const auto& plan : wanted.pools) {
    auto known = before.extract(plan.name);
    if (known.empty()) {
      auto& made = running_.emplace(plan.name, make(plan, dns_refresh)).first->second;
      pools.push_back({made->pool, made->guard});
      ++change.added;
      continue;
    }
    Running& kept = *known.mapped();
    pools.push_back({kept.pool, kept.guard});
    ++(same(kept.plan, plan) ? change.unchanged : change.changed);
    kept.keeper.update(origins_of(plan), settings_of(plan, dns_refresh));
    kept.guard->set_policy(plan.guard, engine_.loops());
    kept.plan = plan;
    running_.insert(std::move(known));
  }
  for (const auto& [name, gone] : before) {
    log::info("app", "pool leaves", {{"pool", name}});
    ++change.removed;
  }
  std::erase_if(drained_, [&](const std::string& backend) { return !lists(backend); });
  return pools;
}

std::vector<upstream::Origin> Pools::origins_of(const config::PoolPlan& plan) const {
  auto origins = plan.origins;
  for (auto& origin : origins) origin.drains |= drained_.contains(origin.text);
  return origins;
}

bool Pools::lists(std::string_view backend) const {
  return std::ranges::any_of(running_, [&](const auto& entry) {
    return std::ranges::any_of(entry.second->plan.origins,
                               [&](const auto& origin) { return origin.text == backend; });
  });
}

bool Pools::set_drained(const std::string& backend, bool drained) {
  if (!lists(backend)) return false;
  if (drained) {
    drained_.insert(backend);
  } else {
    drained_.erase(backend);
  }
  for (auto& [name, running] : running_) {
    const auto& plan = running->plan;
    if (std::ranges::find(plan.origins, backend, &upstream::Origin::text) == plan.origins.end())
      continue;
    running->keeper.update(origins_of(plan), settings_of(plan, dns_refresh_));
  }
  return true;
}

// The same object wherever it is listed.
std::vector<std::shared_ptr<upstream::Backend>> Pools::backends(std::string_view backend) const {
  std::set<std::shared_ptr<upstream::Backend>> all;
  for (const auto& [name, running] : running_) {
    for (auto& one : running->keeper.backends(backend)) all.insert(std::move(one));
  }
  return {all.begin(), all.end()};
}

std::uint32_t Pools::connections(std::string_view backend) const {
  std::uint32_t open = 0;
  for (const auto& one : backends(backend)) {
    open += one->connections.load(std::memory_order_relaxed);
  }
  return open;
}

std::vector<observe::PoolCounts> Pools::counts() const {
  std::vector<observe::PoolCounts> all;
  auto now = engine_.steward_loop().now();
  for (const auto& [name, running] : running_) {
    const auto& [plan, guard] = std::tie(running->plan, *running->guard);
    bool has_limit = plan.guard.is_limited();
    auto& counts = all.emplace_back(observe::PoolCounts{
        .pool = name,
        .has_breaker = plan.guard.has_breaker,
        .is_open = guard.breaker.state(now) == upstream::CircuitState::Open,
        .openings = guard.breaker.openings(),
        .refused_full = guard.refusals.full.load(std::memory_order_relaxed),
        .refused_cut = guard.refusals.cut.load(std::memory_order_relaxed),
        .refused_too_large = guard.refusals.too_large.load(std::memory_order_relaxed),
        .failovers_cut = guard.failovers_cut.load(std::memory_order_relaxed),
        .failovers_unwell = guard.failovers_unwell.load(std::memory_order_relaxed),
        .is_limited = has_limit || plan.terms.gates.concurrency > 0,
        .has_limit = has_limit,
        .limit = guard.limit.limit(),
        .in_use = guard.limit.in_use()});
    if (!guard.queue) continue;
    counts.waiting = guard.limit.waiting() + guard.standby->waiting();
    count_queue(guard.queue->counts, counts);
    count_queue(guard.standby->counts, counts);
  }
  std::ranges::sort(all, {}, &observe::PoolCounts::pool);
  return all;
}

// All addresses of a name together, as they are in the other metrics.
std::vector<observe::GateCounts> Pools::gate_counts() const {
  std::vector<observe::GateCounts> all;
  auto now = engine_.steward_loop().now();
  for (const auto& [name, running] : running_) {
    const auto& terms = running->plan.terms.gates;
    if (!terms.is_any()) continue;
    std::map<std::string, observe::GateCounts> by_name;
    for (const auto& seat : running->pool->roll()->seats) {
      const auto& gate = seat.standing->gate;
      auto& counts = by_name[seat.backend->name];
      counts.in_use += gate.in_use();
      counts.is_open |= gate.circuit(now) == upstream::CircuitState::Open;
      counts.openings += gate.openings();
    }
    for (auto& [backend, counts] : by_name) {
      counts.pool = name;
      counts.backend = backend;
      counts.has_limit = terms.concurrency > 0;
      counts.has_breaker = terms.has_breaker();
      all.push_back(std::move(counts));
    }
  }
  std::ranges::sort(all, {}, [](const auto& c) { return std::tie(c.pool, c.backend); });
  return all;
}

config::PoolState Pools::state(const std::string& pool) const {
  auto found = running_.find(pool);
  if (found == running_.end()) return {};
  const auto& [plan, serving, guard] =
      std::tie(found->second->plan, *found->second->pool, *found->second->guard);
  auto now = engine_.steward_loop().now();
  auto roll = serving.roll();
  config::PoolState state{.origins = found->second->keeper.states(), .circuit = {}};
  state.is_empty = roll->seats.empty();
  state.has_healthy = upstream::Pool::has_healthy(*roll);
  state.is_cut = upstream::Pool::is_cut(*roll, now);
  if (plan.guard.has_breaker) {
    state.circuit = guard.breaker.state(now);
    state.admits = guard.breaker.wait(now) == Duration::zero();
  }
  if (plan.guard.is_limited()) {
    state.places = guard.limit.in_use();
    state.waiting = guard.limit.waiting();
    state.places_max = guard.limit.limit();
  }
  return state;
}

}  // namespace cirque::app
