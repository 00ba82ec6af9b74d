#pragma once
// Fast random numbers for identifiers and jitter (xoshiro256**), seeded by the kernel. Not for
// secrets.
#include <array>
#include <cstdint>

namespace cirque::base {

class Random {
 public:
  Random();  // seeded from getrandom(2)
  explicit Random(std::uint64_t seed) noexcept;

  std::uint64_t next() noexcept {
    std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

 private:
  static std::uint64_t rotate(std::uint64_t x, int k) noexcept {
    return (x << k) | (x >> (64 - k));
  }

  std::array<std::uint64_t, 4> state_;
};

// 32 lower-case hexadecimal digits into `to`.
void write_hex128(char* to, std::uint64_t high, std::uint64_t low) noexcept;

}  // namespace cirque::base
