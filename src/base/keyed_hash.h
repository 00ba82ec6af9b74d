#pragma once
// A hash whose collisions nobody can find who does not know its key: SipHash (Aumasson, Bernstein
// 2012). For what clients choose; base/hash.h is for what we choose ourselves.
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cirque::base {

struct HashKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  static HashKey random();  // from getrandom(2)
};

// Words and texts, one after the other. A text brings its length, so that "ab", "c" is not "a",
// "bc"; how many parts there are, and of which kind, must be the same for all that share a table.
template <int kRounds, int kFinalRounds>
class SipHash {
 public:
  explicit SipHash(const HashKey& key) noexcept
      : a_(key.low ^ 0x736f6d6570736575),
        b_(key.high ^ 0x646f72616e646f6d),
        c_(key.low ^ 0x6c7967656e657261),
        d_(key.high ^ 0x7465646279746573) {}

  void add(std::uint64_t word) noexcept {
    d_ ^= word;
    for (int i = 0; i < kRounds; ++i) mix_all();
    a_ ^= word;
  }

  // The last word of a text is filled up with zeros: its length tells them from its own.
  void add(std::string_view text) noexcept {
    add(text.size());
    for (; text.size() >= sizeof(std::uint64_t); text.remove_prefix(sizeof(std::uint64_t))) {
      add(word_at(text.data(), sizeof(std::uint64_t)));
    }
    if (!text.empty()) add(word_at(text.data(), text.size()));
  }

  std::uint64_t finish() noexcept {
    c_ ^= 0xff;
    for (int i = 0; i < kFinalRounds; ++i) mix_all();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  static std::uint64_t word_at(const char* at, std::size_t size) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, at, size);
    return word;
  }

  void mix_all() noexcept {
    a_ += b_;
    c_ += d_;
    b_ = std::rotl(b_, 13) ^ a_;
    d_ = std::rotl(d_, 16) ^ c_;
    a_ = std::rotl(a_, 32);
    c_ += b_;
    a_ += d_;
    b_ = std::rotl(b_, 17) ^ c_;
    d_ = std::rotl(d_, 21) ^ a_;
    c_ = std::rotl(c_, 32);
  }

  std::uint64_t a_, b_, c_, d_;
};

// One round a word and three at the end are what tables need (the hash maps of Rust and Python
// have the same); signatures would need more.
using KeyedHash = SipHash<1, 3>;

}  // namespace cirque::base
