#pragma once
// A path cut at its slashes: "/a//b/" is "a", "", "b", "". Each segment with its hash, so that
// every table that is asked about the path uses the same pass over it.
#include <array>
#include <cstdint>
#include <string_view>

#include "route/text_hash.h"

namespace cirque::route {

// Views into the path, which must live as long. Lives on the stack; takes no memory elsewhere.
class Segments {
 public:
  // No route asks for more; what stands behind is not cut.
  static constexpr unsigned kCountMax = 32;

  // A path that does not begin with a slash ("*", the target of OPTIONS *) has no segments.
  explicit Segments(std::string_view path) noexcept {
    while (!path.empty() && path.front() == '/' && count_ < kCountMax) {
      path.remove_prefix(1);
      auto segment = path.substr(0, path.find('/'));
      path.remove_prefix(segment.size());
      cuts_[count_++] = {segment.data(), segment.size(), text_hash(segment)};
    }
    if (!path.empty() && count_ == kCountMax) ++count_;
  }

  // kCountMax + 1: more than kCountMax.
  unsigned count() const noexcept { return count_; }

  std::string_view operator[](unsigned i) const noexcept { return {cuts_[i].text, cuts_[i].size}; }

  std::uint64_t hash(unsigned i) const noexcept { return cuts_[i].hash; }

 private:
  struct Cut {
    const char* text;
    std::size_t size;
    std::uint64_t hash;
  };

  unsigned count_ = 0;
  std::array<Cut, kCountMax> cuts_;  // beyond count_ never written and never read
};

}  // namespace cirque::route
