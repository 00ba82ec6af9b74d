#include "upstream/directory.h"

#include <algorithm>
#include <utility>

namespace cirque::upstream {

std::shared_ptr<Backend> Directory::find_or_add(const ReuseKey& key, const std::string& name,
                                                unsigned metrics_index,
                                                std::shared_ptr<const void> presence) {
  std::lock_guard lock(mutex_);
  if (auto known = backends_[key].lock()) return known;
  auto made = std::make_shared<Backend>(key, name, metrics_index, std::move(presence));
  if (backends_.size() >= sweep_at_) {
    std::erase_if(backends_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max(kSweepMin, 2 * backends_.size());
  }
  backends_[key] = made;
  return made;
}

}  // namespace cirque::upstream
