#include "observe/metrics.h"

#include <algorithm>

namespace cirque::observe {

Registry::Registry(unsigned workers) {
  for (unsigned i = 0; i < workers; ++i) workers_.push_back(std::make_unique<WorkerMetrics>());
}

namespace {

unsigned find_or_add(std::vector<std::string>& names, const std::string& name) {
  auto known = std::ranges::find(names, name);
  bool is_full = names.size() == WorkerMetrics::kServicesMax;
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

Registry::Listing Registry::add_backend(unsigned pool, const std::string& name) {
  std::lock_guard lock(mutex_);
  auto index = find_or_add_backend(pool, name);
  auto& backend = backends_[index];
  auto presence = backend.presence.lock();
  if (!presence) {
    presence = std::make_shared<char>();
    backend.presence = presence;
    backend.healthy = true;
    backend.ejected = false;
  }
  return {index, std::move(presence)};
}

unsigned Registry::find_or_add_backend(unsigned pool, const std::string& name) {
  auto known = backend_indexes_.find({pool, name});
  if (known != backend_indexes_.end()) return known->second;
  auto place = backends_.end();
  if (backends_.size() < WorkerMetrics::kBackendsMax) {
    place = backends_.insert(place, Backend{pool, name});
  } else {
    auto has_gone = [](const Backend& backend) { return backend.presence.expired(); };
    place = std::ranges::find_if(backends_, has_gone);
    if (place == backends_.end()) return WorkerMetrics::kBackendsMax - 1;
    backend_indexes_.erase({place->pool, place->name});
    *place = Backend{pool, name};
  }
  auto index = static_cast<unsigned>(place - backends_.begin());
  backend_indexes_.emplace(std::pair(pool, name), index);
  return index;
}

void Registry::set_healthy(unsigned backend, bool healthy) {
  std::lock_guard lock(mutex_);
  if (backend >= backends_.size() || backends_[backend].healthy == healthy) return;
  backends_[backend].healthy = healthy;
  ++backends_[backend].transitions;
}

void Registry::count_failed_check(unsigned backend, std::string_view reason) {
  std::lock_guard lock(mutex_);
  if (backend < backends_.size()) ++backends_[backend].failed_checks[reason_index(reason)];
}

void Registry::set_ejected(unsigned backend, bool ejected) {
  std::lock_guard lock(mutex_);
  if (backend >= backends_.size() || backends_[backend].ejected == ejected) return;
  backends_[backend].ejected = ejected;
  backends_[backend].ejections += ejected;
}

}  // namespace cirque::observe
