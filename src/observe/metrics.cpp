#include "observe/metrics.h"

#include <algorithm>

namespace cirque::observe {

Registry::Registry(unsigned workers) {
  for (unsigned i = 0; i < workers; ++i) workers_.push_back(std::make_unique<WorkerMetrics>());
}

unsigned Registry::add_service(const std::string& name) {
  std::lock_guard lock(mutex_);
  auto known = std::ranges::find(services_, name);
  bool is_full = services_.size() == WorkerMetrics::kMax;
  if (known == services_.end() && is_full) --known;
  if (known == services_.end()) known = services_.insert(known, name);
  return static_cast<unsigned>(known - services_.begin());
}

unsigned Registry::add_backend(unsigned service, const std::string& name) {
  std::lock_guard lock(mutex_);
  auto known = std::ranges::find_if(
      backends_, [&](const Backend& b) { return b.service == service && b.name == name; });
  bool is_full = backends_.size() == WorkerMetrics::kMax;
  if (known == backends_.end() && is_full) --known;
  if (known == backends_.end()) known = backends_.insert(known, {service, name});
  return static_cast<unsigned>(known - backends_.begin());
}

void Registry::set_healthy(unsigned backend, bool healthy) {
  std::lock_guard lock(mutex_);
  if (backend >= backends_.size() || backends_[backend].healthy == healthy) return;
  backends_[backend].healthy = healthy;
  ++backends_[backend].transitions;
}

}  // namespace cirque::observe
