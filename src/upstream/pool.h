#pragma once
// A set of interchangeable backends, and whose turn it is.
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "upstream/backend.h"

namespace cirque::upstream {

using Members = std::vector<std::shared_ptr<Backend>>;

// The backends that one exchange has tried already, by their place in the pool.
class Tried {
 public:
  bool has(std::size_t place) const noexcept { return place < 64 && (bits_ >> place & 1); }

  void add(std::size_t place) noexcept {
    if (place < 64) bits_ |= 1ULL << place;
  }

  bool any() const noexcept { return bits_ != 0; }

 private:
  std::uint64_t bits_ = 0;
};

// Round robin over the healthy members, exact across cores: the turn is one shared counter. Members
// change when names resolve anew; a core sees the new list with its next choice.
class Pool {
 public:
  explicit Pool(std::string n);
  ~Pool();

  const std::string name;

  // Steward only. Tells the backends that come and those that go.
  void set_members(Members members);

  // Any thread. Whose turn it is: the next healthy one that was not tried, or null. The backend is
  // good until this core chooses again; whoever waits before that takes hold of it (roster.h).
  Backend* choose(Tried& tried);

  bool is_empty() { return members().empty(); }

  // Is there one that choose() would give somebody who has tried none?
  bool has_healthy();

 private:
  // This core's copy of the list: counting references to a shared one would be a write per request.
  const Members& members();

  const unsigned id_;
  std::atomic<std::uint64_t> turn_{0};
  std::atomic<std::uint64_t> edition_;
  std::mutex mutex_;
  std::shared_ptr<const Members> members_ = std::make_shared<Members>();
};

}  // namespace cirque::upstream
