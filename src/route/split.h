#pragma once
// A weighted choice between targets: so much for the new version, the rest for the old. By chance,
// or by a key, in which case the same key always gets the same side.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace cirque::route {

// Built once, then read by any thread. Every choice is made with exactly the probability
// weight/total (to within 2^-32); a weight of 0 is never chosen.
class Split {
 public:
  // Empty: no weights, all of them 0, or a sum above 2^32 - 1. `seed` makes the keyed choices of
  // different splits independent of each other; keep it the same over a reload, or users change
  // sides.
  static std::optional<Split> of(std::span<const std::uint32_t> weights, std::uint64_t seed = 0);

  // The index of a weight, for an even random number.
  std::size_t by_chance(std::uint64_t random) const noexcept { return at(random); }

  // The index of a weight, the same for the same key. When weights change in such a way that the
  // sum stays, only as many keys change sides as the borders between the weights move: raising the
  // last weight keeps everybody there who was there already.
  std::size_t by_key(std::string_view key) const noexcept;

 private:
  // `point` is a fraction of 2^64.
  std::size_t at(std::uint64_t point) const noexcept;

  std::vector<std::uint64_t> ends_;  // the sums up to and with each weight
  std::uint64_t seed_ = 0;
};

}  // namespace cirque::route
