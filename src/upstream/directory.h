#pragma once
// All backends of the process by what they are: the same address is the same Backend, whoever asks.
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "upstream/backend.h"
#include "upstream/overflow.h"
#include "upstream/vitals.h"

namespace cirque::upstream {

// Any thread.
class Directory {
 public:
  // `metrics_index` and `name` count for a new one only.
  std::shared_ptr<Backend> find_or_add(const ReuseKey& key, const std::string& name,
                                       unsigned metrics_index);
  Overflow overflow;
  Bulletin bulletin;

 private:
  struct Hash {
    std::size_t operator()(const ReuseKey& key) const noexcept { return key.hash(); }
  };

  // Bounded by the addresses that the configuration, its names' records and the App have named.
  std::mutex mutex_;
  std::unordered_map<ReuseKey, std::weak_ptr<Backend>, Hash> backends_;
};

}  // namespace cirque::upstream
