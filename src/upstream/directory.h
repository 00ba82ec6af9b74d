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
  // All but the key count for a new one only.
  std::shared_ptr<Backend> find_or_add(const ReuseKey& key, const std::string& name,
                                       unsigned metrics_index,
                                       std::shared_ptr<const void> presence = {});
  Overflow overflow;
  Bulletin bulletin;

 private:
  struct Hash {
    std::size_t operator()(const ReuseKey& key) const noexcept { return key.hash(); }
  };

  // Bounded by the addresses that the configuration, its names' records and the App have named.
  static constexpr std::size_t kSweepMin = 64;
  std::mutex mutex_;
  std::unordered_map<ReuseKey, std::weak_ptr<Backend>, Hash> backends_;
  std::size_t sweep_at_ = kSweepMin;  // twice what was left the last time, so that it costs little
};

}  // namespace cirque::upstream
