#include "base/random.h"

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

void write_hex128(char* to, std::uint64_t high, std::uint64_t low) noexcept {
  constexpr char kDigits[] = "0123456789abcdef";
  for (int i = 15; i >= 0; --i) {
    to[i] = kDigits[high & 15];
    to[i + 16] = kDigits[low & 15];
    high >>= 4;
    low >>= 4;
  }
}

}  // namespace cirque::base
