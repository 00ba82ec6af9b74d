#include "base/random.h"

#include <bit>
#include <cstring>

#include <sys/random.h>

#include "base/check.h"
#include "base/hash.h"

namespace cirque::base {

Random::Random() {
  auto got = getrandom(state_.data(), sizeof state_, 0);
  CIRQUE_CHECK(got == sizeof state_);
}

Random::Random(std::uint64_t seed) noexcept {
  for (auto& word : state_) word = mix(seed += 0x9e3779b97f4a7c15ULL);
}

namespace {

// Eight digits at once: a nibble a byte, then '0' to '9' or 'a' to 'f' made of each.
void write_hex32(char* to, std::uint32_t number) noexcept {
  std::uint64_t x = number;
  x = (x << 16 | x) & 0x0000ffff0000ffff;
  x = (x << 8 | x) & 0x00ff00ff00ff00ff;
  x = (x << 4 | x) & 0x0f0f0f0f0f0f0f0f;
  auto is_letter = (x + 0x0606060606060606) >> 4 & 0x0101010101010101;
  constexpr std::uint64_t kFromZeroToLetters = 'a' - '0' - 10;
  x += 0x3030303030303030 + is_letter * kFromZeroToLetters;
  if constexpr (std::endian::native == std::endian::little) x = std::byteswap(x);
  std::memcpy(to, &x, sizeof x);
}

}  // namespace

void write_hex128(char* to, std::uint64_t high, std::uint64_t low) noexcept {
  write_hex32(to, static_cast<std::uint32_t>(high >> 32));
  write_hex32(to + 8, static_cast<std::uint32_t>(high));
  write_hex32(to + 16, static_cast<std::uint32_t>(low >> 32));
  write_hex32(to + 24, static_cast<std::uint32_t>(low));
}

}  // namespace cirque::base
