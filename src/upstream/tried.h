#pragma once
// Which members of a pool one request has been to.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace cirque::upstream {

// All of them: nearly always one or two, for which there is room at once.
class Tried {
 public:
  bool has(std::uint32_t place) const noexcept {
    return std::ranges::find(places(), place) != places().end();
  }

  void add(std::uint32_t place) {
    if (count_ < few_.size()) {
      few_[count_] = place;
    } else {
      if (count_ == few_.size()) many_.assign(few_.begin(), few_.end());
      many_.push_back(place);
    }
    ++count_;
  }

  // It was not asked after all. There is one.
  void forget_last() noexcept {
    if (count_ > few_.size()) many_.pop_back();
    --count_;
  }

  // They may be asked again; but it is not the first time that somebody is.
  void forget() noexcept {
    count_ = 0;
    many_.clear();
    is_another_round_ = true;
  }

  bool any() const noexcept { return count_ > 0 || is_another_round_; }

  std::span<const std::uint32_t> places() const noexcept {
    if (count_ > few_.size()) return many_;
    return {few_.data(), count_};
  }

 private:
  std::array<std::uint32_t, 16> few_;  // so many of them as count_ says
  std::vector<std::uint32_t> many_;    // all, when they are more
  std::size_t count_ = 0;
  bool is_another_round_ = false;
};

}  // namespace cirque::upstream
