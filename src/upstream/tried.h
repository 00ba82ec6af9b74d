#pragma once
// Which members of a pool one request has been to.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace cirque::upstream {

// Remembers the last few: nobody is asked by more attempts than that.
class Tried {
 public:
  static constexpr std::size_t kMax = 16;

  bool has(std::uint32_t place) const noexcept {
    return std::ranges::find(places(), place) != places().end();
  }

  void add(std::uint32_t place) noexcept { places_[count_++ % kMax] = place; }

  // They may be asked again; but it is not the first time that somebody is.
  void forget() noexcept {
    count_ = 0;
    is_another_round_ = true;
  }

  bool any() const noexcept { return count_ > 0 || is_another_round_; }

  std::span<const std::uint32_t> places() const noexcept {
    return {places_.data(), std::min<std::size_t>(count_, kMax)};
  }

 private:
  std::array<std::uint32_t, kMax> places_;  // so many of them as count_ says
  std::uint32_t count_ = 0;
  bool is_another_round_ = false;
};

}  // namespace cirque::upstream
