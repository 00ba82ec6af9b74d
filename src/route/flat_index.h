#pragma once
// From a hash to the few candidates that have it, in one cache line: eight fingerprints and eight
// numbers a bucket, half of the places taken. Whoever asks compares the candidates with what was
// looked for; the index does not know the keys.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace cirque::route {

inline constexpr std::uint32_t kNone = 0xffffffff;

// Built once, then read by any thread. 16 bytes an entry.
class FlatIndex {
 public:
  struct Entry {
    std::uint64_t hash;
    std::uint32_t number;  // below kNone
  };

  FlatIndex() = default;
  explicit FlatIndex(std::span<const Entry> entries);

  // The first number with that hash for which is_it(number) holds, or kNone. is_it is rarely asked
  // about another key's number: two fingerprints are equal once in 2^32 comparisons.
  template <class IsIt>
  std::uint32_t find(std::uint64_t hash, IsIt is_it) const noexcept {
    if (buckets_.empty()) return kNone;
    std::uint32_t wanted = fingerprint(hash);
    for (std::size_t at = home(hash);; at = at + 1 == buckets_.size() ? 0 : at + 1) {
      const Bucket& bucket = buckets_[at];
      for (unsigned hits = bucket.places_of(wanted); hits != 0; hits &= hits - 1) {
        std::uint32_t number = bucket.numbers[std::countr_zero(hits)];
        if (is_it(number)) return number;
      }
      // An entry goes into the next bucket only when its own is full.
      if (bucket.places_of(kFree) != 0) return kNone;
    }
  }

  std::size_t bytes() const noexcept { return buckets_.size() * sizeof(Bucket); }

 private:
  static constexpr std::size_t kPlaces = 8;
  static constexpr std::size_t kPlacesTaken = 4;  // of a bucket, on average
  static constexpr std::uint32_t kFree = 0;

  struct alignas(64) Bucket {
    std::uint32_t fingerprints[kPlaces] = {};
    std::uint32_t numbers[kPlaces] = {};

    // A bit for every place that has this fingerprint. Looks at all of them, so that the compiler
    // compares four at once.
    unsigned places_of(std::uint32_t wanted) const noexcept {
      unsigned places = 0;
      for (unsigned i = 0; i < kPlaces; ++i) {
        places |= static_cast<unsigned>(fingerprints[i] == wanted) << i;
      }
      return places;
    }
  };

  static_assert(sizeof(Bucket) == 64);

  static std::uint32_t fingerprint(std::uint64_t hash) noexcept {
    return std::max(static_cast<std::uint32_t>(hash), kFree + 1);
  }

  // By the upper bits, spread over any number of buckets without a division.
  std::size_t home(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(((hash >> 32) * buckets_.size()) >> 32);
  }

  std::vector<Bucket> buckets_;
};

}  // namespace cirque::route
