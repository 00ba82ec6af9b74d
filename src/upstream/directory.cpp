#include "upstream/directory.h"

namespace cirque::upstream {

std::shared_ptr<Backend> Directory::find_or_add(const ReuseKey& key, const std::string& name,
                                                unsigned metrics_index) {
  std::lock_guard lock(mutex_);
  if (auto known = backends_[key].lock()) return known;
  auto made = std::make_shared<Backend>(key, name, metrics_index);
  std::erase_if(backends_, [](const auto& entry) { return entry.second.expired(); });
  backends_[key] = made;
  return made;
}

}  // namespace cirque::upstream
