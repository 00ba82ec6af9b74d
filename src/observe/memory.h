#pragma once
// How much memory there is for this process, and how much of it is used.
#include <cstdint>
#include <string>
#include <string_view>

namespace cirque::observe {

struct Memory {
  std::uint64_t used = 0;                 // bytes
  std::uint64_t limit = 0;                // bytes; 0: not known
  std::string_view limit_of = "machine";  // whose limit it is: "configuration", "cgroup", "machine"
  double stalled =
      0;  // percent of the last 10 s in which all of the cgroup waited for memory (PSI)

  double share() const noexcept {
    return limit ? static_cast<double>(used) / static_cast<double>(limit) : 0;
  }
};

// Reads /proc and the cgroup (v2) that the process is in. Some ten microseconds; for the steward.
class MemoryGauge {
 public:
  // `root`: before /proc and /sys, for tests.
  explicit MemoryGauge(std::string root = "");

  // `limit`: what the configuration allows this process; its own resident memory is held against
  // it, and nothing else. 0: the cgroup's memory.max, the smallest on the way up, with what the
  // whole cgroup uses but for file pages that the kernel can drop; without one, the machine's
  // memory and our own.
  Memory read(std::uint64_t limit) const;

 private:
  std::uint64_t resident() const;
  std::string limiting_cgroup(std::uint64_t& limit) const;

  std::string root_;
};

}  // namespace cirque::observe
