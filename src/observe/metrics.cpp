#include "observe/metrics.h"

#include <algorithm>

namespace cirque::observe {

Registry::Registry(unsigned workers) {
  for (unsigned i = 0; i < workers; ++i) workers_.push_back(std::make_unique<WorkerMetrics>());
}

namespace {

unsigned find_or_add(std::vector<std::string>& names, const std::string& name) {
  auto known = std::ranges::find(names, name);
  bool is_full = names.size() == WorkerMetrics::kMax;
  if (known == names.end() && is_full) --known;
  if (known == names.end()) known = names.insert(known, name);
  return static_cast<unsigned>(known - names.begin());
}

}  // namespace

unsigned Registry::add_service(const std::string& name) {
  std::lock_guard lock(mutex_);
  return find_or_add(services_, name);
}

unsigned Registry::add_pool(const std::string& name) {
  std::lock_guard lock(mutex_);
  return find_or_add(pools_, name);
}

unsigned Registry::add_backend(unsigned pool, const std::string& name) {
  std::lock_guard lock(mutex_);
  auto known = std::ranges::find_if(
      backends_, [&](const Backend& b) { return b.pool == pool && b.name == name; });
  bool is_full = backends_.size() == WorkerMetrics::kMax;
  if (known == backends_.end() && is_full) --known;
  if (known == backends_.end()) known = backends_.insert(known, {pool, name});
  return static_cast<unsigned>(known - backends_.begin());
}

void Registry::set_healthy(unsigned backend, bool healthy) {
  std::lock_guard lock(mutex_);
  if (backend >= backends_.size() || backends_[backend].healthy == healthy) return;
  backends_[backend].healthy = healthy;
  ++backends_[backend].transitions;
}

void Registry::set_ejected(unsigned backend, bool ejected) {
  std::lock_guard lock(mutex_);
  if (backend >= backends_.size() || backends_[backend].ejected == ejected) return;
  backends_[backend].ejected = ejected;
  backends_[backend].ejections += ejected;
}

}  // namespace cirque::observe
