#include "route/split.h"

#include <algorithm>
#include <limits>

#include "route/text_hash.h"

namespace cirque::route {

std::optional<Split> Split::of(std::span<const std::uint32_t> weights, std::uint64_t seed) {
  Split split;
  split.seed_ = seed;
  split.ends_.reserve(weights.size());
  std::uint64_t sum = 0;
  for (std::uint32_t weight : weights) split.ends_.push_back(sum += weight);
  if (sum == 0 || sum > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return split;
}

std::size_t Split::by_key(std::string_view key) const noexcept {
  return at(text_hash(key, combine(seed_, kFirstFactor)));
}

std::size_t Split::at(std::uint64_t point) const noexcept {
  // The sum fits 32 bits, so this is the whole part of point/2^64 * sum, but for the lower half of
  // the point, which says nothing about so few places.
  std::uint64_t place = ((point >> 32) * ends_.back()) >> 32;
  auto end = std::ranges::upper_bound(ends_, place);
  return static_cast<std::size_t>(end - ends_.begin());
}

}  // namespace cirque::route
