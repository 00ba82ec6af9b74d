#include "app/drains.h"

#include "base/log.h"

namespace cirque::app {

bool Drains::begin(const std::string& backend, Duration within) {
  if (!pools_.set_drained(backend, true)) return false;
  auto& [name, drain] = *drains_.try_emplace(backend).first;
  drain.until = engine_.steward_loop().now() + within;
  drain.progress.is_over = false;
  log::info("app", "backend drains",
            {{"backend", backend},
             {"seconds", std::chrono::duration_cast<std::chrono::seconds>(within).count()}});
  if (drain.watching.running() == 0) drain.watching.spawn(watch(name, drain));
  return true;
}

bool Drains::end(const std::string& backend) {
  if (drains_.erase(backend) == 0) return false;
  pools_.set_drained(backend, false);
  log::info("app", "backend drains no more", {{"backend", backend}});
  return true;
}

std::optional<Drains::Progress> Drains::progress(const std::string& backend) const {
  auto found = drains_.find(backend);
  if (found == drains_.end()) return std::nullopt;
  auto progress = found->second.progress;
  progress.connections = pools_.connections(backend);
  return progress;
}

void Drains::settle() {
  std::erase_if(drains_, [&](const auto& entry) { return !pools_.lists(entry.first); });
}

// Idle connections end at once; so what is open has a request on it, or a tunnel.
Task<> Drains::watch(const std::string& backend, Drain& drain) {
  constexpr Duration kEvery = 50ms;
  auto& loop = engine_.steward_loop();
  while (pools_.connections(backend) > 0 && loop.now() < drain.until) co_await loop.sleep(kEvery);
  cut(backend, drain);
  drain.progress.is_over = true;
  co_return done;
}

void Drains::cut(const std::string& backend, Drain& drain) {
  auto left = pools_.connections(backend);
  drain.progress.cut = left;
  if (left == 0) {
    log::info("app", "backend is drained", {{"backend", backend}});
    return;
  }
  log::warn("app", "backend is drained, and what it still had is cut",
            {{"backend", backend}, {"connections", left}});
  for (const auto& one : pools_.backends(backend)) engine_.sever(one);
}

}  // namespace cirque::app
