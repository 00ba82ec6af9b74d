#include "upstream/backend.h"

#include <algorithm>

#include "base/check.h"

namespace cirque::upstream {
namespace {

// A close sooner than this is a restart or a limit on requests, not an idle time-out.
constexpr Duration kIdleCloseMin = 500ms;
// Retire this much before the peer would: a request must not cross its FIN on the way.
constexpr Duration kMargin = 1s;

}  // namespace

void Backend::join_pool(bool drains) noexcept {
  ++pools_;
  draining_ += drains;
  left_.store(pools_ == draining_, std::memory_order_relaxed);
}

void Backend::leave_pool(bool drains) noexcept {
  CIRQUE_CHECK(pools_ > 0 && draining_ >= (drains ? 1U : 0U));
  --pools_;
  draining_ -= drains;
  left_.store(pools_ == draining_, std::memory_order_relaxed);
}

void Backend::lower_keep_alive(Duration limit) noexcept {
  auto ns = std::max<std::int64_t>(limit.count(), Duration(100ms).count());
  auto known = keep_alive_ns.load(std::memory_order_relaxed);
  while (ns < known && !keep_alive_ns.compare_exchange_weak(known, ns, std::memory_order_relaxed)) {
  }
}

void Backend::learn_idle_close(Duration age) noexcept {
  if (age >= kIdleCloseMin) lower_keep_alive(age - std::min<Duration>(kMargin, age / 4));
}

void Backend::learn_announced(unsigned seconds) noexcept {
  auto limit = std::chrono::seconds(seconds);
  lower_keep_alive(limit - std::min<Duration>(kMargin, Duration(limit) / 4));
}

}  // namespace cirque::upstream
