#pragma once
// Idle connections that any core may take: one that idles on a quiet core serves a request on
// another, instead of both cores keeping, and opening, their own.
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "net/socket.h"
#include "upstream/backend.h"

namespace cirque::upstream {

// A connection between two cores.
struct Parked {
  net::Fd fd;
  Claim claim;
  Time born;
  Time idle_since;
  unsigned requests;
};

// Any thread. A core never waits here: if another holds the lock, there is nothing to be had.
class Overflow {
 public:
  static constexpr std::size_t kParkedMax = 4096;

  // False when full or busy: the connection is closed.
  bool park(Parked parked);
  // The newest one that is still alive and has idled less than `idle_max`.
  std::optional<Parked> take(Backend& backend, Time now, Duration idle_max);
  // Closes what has died or idled too long, and learns from it; and what nobody will ask for, as
  // its backend has left its pool. Called by the steward.
  void sweep(Time now, Duration idle_max);
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<Backend*, std::vector<Parked>> parked_;
  std::size_t size_ = 0;
};

}  // namespace cirque::upstream
