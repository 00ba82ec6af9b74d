#pragma once
// Who is next, when each comes again after a stride of its own: earliest deadline first. What
// smooth weighted round robin does in O(n) a turn, this does in O(log n).
#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"

namespace cirque::upstream {

// A heap by the time of the next turn. Times wrap, which does no harm, as no two of them are ever
// further apart than the longest stride.
class Turns {
 public:
  using When = std::uint64_t;

  struct Turn {
    When when;
    std::uint32_t who;
  };

  // The stride of somebody of this weight. Weights are from a tenth of 1 to 65,535: long enough to
  // tell the greatest ones apart, and far from half of what a word holds.
  static When stride_of(double weight) noexcept {
    return static_cast<When>(static_cast<double>(1ULL << 40) / weight);
  }

  static bool is_before(When a, When b) noexcept { return static_cast<std::int64_t>(a - b) < 0; }

  void reserve(std::size_t count) { heap_.reserve(count); }

  void clear() noexcept { heap_.clear(); }

  // Within what was reserved. Then settle(), before the first turn.
  void add(Turn turn) noexcept {
    CIRQUE_CHECK(heap_.size() < heap_.capacity());
    heap_.push_back(turn);
  }

  void settle() noexcept {
    for (std::size_t at = heap_.size() / 2; at-- > 0;) sift_down(at);
  }

  const Turn& first() const noexcept { return heap_.front(); }

  // The first of those that are wanted, or null. Looks only at those before it: quick if they are
  // few.
  template <class Wanted>
  const Turn* first_wanted(Wanted wanted, std::size_t at = 0) const noexcept {
    if (at >= heap_.size()) return nullptr;
    if (wanted(heap_[at].who)) return &heap_[at];
    const Turn* one = first_wanted(wanted, 2 * at + 1);
    const Turn* other = first_wanted(wanted, 2 * at + 2);
    if (!one || !other) return one ? one : other;
    return is_before(*one, *other) ? one : other;
  }

  // The first one has had its turn.
  void advance(When stride) noexcept {
    heap_.front().when += stride;
    sift_down(0);
  }

  std::span<const Turn> all() const noexcept { return heap_; }

  // Of two at the same time the one with the lower number goes first.
  static bool is_before(const Turn& a, const Turn& b) noexcept {
    return a.when != b.when ? is_before(a.when, b.when) : a.who < b.who;
  }

 private:
  void sift_down(std::size_t at) noexcept {
    std::span heap = heap_;
    Turn moving = heap[at];
    while (true) {
      std::size_t child = 2 * at + 1;
      if (child >= heap.size()) break;
      // Without a branch, which would be mispredicted half of the time.
      child += child + 1 < heap.size() && is_before(heap[child + 1], heap[child]);
      if (!is_before(heap[child], moving)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moving;
  }

  std::vector<Turn> heap_;
};

}  // namespace cirque::upstream
