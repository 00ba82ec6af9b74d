#pragma once
// A hash for looking up short texts among keys of our own: eight bytes a step, one multiplication
// each. Not seeded: clients choose what is looked up, never what is stored, so they cannot make a
// table slow.
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cirque::route {

// Folds the 128-bit product: every bit of both factors reaches every bit of the result.
constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Odd numbers with as many ones as zeros, from the digits of sqrt(2) and sqrt(3).
inline constexpr std::uint64_t kFirstFactor = 0x6a09e667f3bcc909ULL;
inline constexpr std::uint64_t kSecondFactor = 0xbb67ae8584caa73bULL;

constexpr std::uint64_t combine(std::uint64_t hash, std::uint64_t next) noexcept {
  return fold(hash ^ next ^ kSecondFactor, kFirstFactor);
}

// The last eight bytes overlap those before them; fewer than eight are read in two overlapping
// halves, so that no byte behind the text is touched and no loop goes byte by byte.
inline std::uint64_t text_hash(std::string_view text, std::uint64_t seed = 0) noexcept {
  auto word = [](const char* at) noexcept {
    std::uint64_t bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    return bytes;
  };
  auto half = [](const char* at) noexcept {
    std::uint32_t bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    return std::uint64_t{bytes};
  };
  const char* at = text.data();
  std::size_t size = text.size();
  std::uint64_t hash = combine(seed, size * kFirstFactor);
  if (size >= 8) {
    const char* last = at + size - 8;
    for (; at < last; at += 8) hash = combine(hash, word(at));
    return combine(hash, word(last));
  }
  if (size >= 4) return combine(hash, half(at) | (half(at + size - 4) << 32));
  if (size == 0) return hash;
  auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(at[i])}; };
  return combine(hash, byte(0) | (byte(size / 2) << 8) | (byte(size - 1) << 16));
}

}  // namespace cirque::route
