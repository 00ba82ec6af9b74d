#pragma once
// Short hashes for tables of our own keys (addresses, names from the configuration). Keys that a
// client chooses need a seeded hash instead.
#include <cstdint>
#include <string_view>

namespace cirque::base {

// A finaliser that spreads every input bit over every output bit (the one of MurmurHash3).
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

constexpr std::uint64_t hash(std::string_view text) noexcept {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix(h);
}

}  // namespace cirque::base
