#include "upstream/health.h"

#include <algorithm>

#include "net/stream.h"

namespace cirque::upstream {

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

void HealthChecks::watch(const Members& members) {
  std::erase_if(probes_, [&](const auto& entry) {
    return std::ranges::none_of(members, [&](auto& m) { return m.get() == entry.first; });
  });
  for (const auto& backend : members) {
    auto& scope = probes_[backend.get()];
    if (scope) continue;
    scope = std::make_unique<loop::Scope>();
    scope->spawn(probe_forever(backend));
  }
}

Task<> HealthChecks::probe_forever(std::shared_ptr<Backend> backend) {
  constexpr Duration kSoon = 1s;
  HealthState state(policy_, backend->healthy.load(std::memory_order_relaxed));
  for (;;) {
    auto outcome = co_await probe(*backend);
    if (state.count(outcome.has_value())) {
      backend->healthy.store(state.is_healthy(), std::memory_order_relaxed);
      on_change_(*backend, state.is_healthy(), outcome ? "" : outcome.error().reason);
    }
    co_await loop_.sleep(state.is_in_transition() ? std::min(kSoon, policy_.interval)
                                                  : policy_.interval);
  }
}

Task<> HealthChecks::probe(const Backend& backend) {
  auto fd = co_await ok(net::begin_connect(backend.key.address, {}));
  net::Stream stream(loop_, std::move(fd), Side::Upstream);
  stream.watch().may_write = false;
  auto writable = co_await stream.writable(loop_.now() + policy_.timeout);
  if (!writable) {
    co_return fail({.fault = Fault::Timeout, .reason = "upstream_connect_timeout"});
  }
  co_await ok(net::finish_connect(stream.watch().fd()));
  stream.reset_on_close();  // leaves no TIME_WAIT behind, here or there
  co_return done;
}

}  // namespace cirque::upstream
