#pragma once
// The inner loop of the parser: 64 bytes at a time, where are the characters that matter? A head is
// then walked by asking for the next bit (after Langdale and Lemire, "Parsing gigabytes of JSON per
// second").
#include <cstddef>
#include <cstdint>

namespace cirque::h1 {

inline constexpr std::size_t kMarkBytes = 64;

// A bit for each byte of a block, the first one lowest.
struct Marks {
  std::uint64_t control = 0;  // below 0x20 and not HTAB, or 0x7f: in a good head the ends of lines
  std::uint64_t colon = 0;

  friend bool operator==(const Marks&, const Marks&) = default;
};

// Reads exactly kMarkBytes. The widest variant that the CPU has, chosen when the program starts.
extern Marks (*const mark)(const char* block) noexcept;

// The variants, for the test that holds them against each other.
Marks mark_scalar(const char* block) noexcept;
#if defined(__x86_64__)
Marks mark_sse2(const char* block) noexcept;
Marks mark_avx2(const char* block) noexcept;
bool has_avx2() noexcept;
#endif

}  // namespace cirque::h1
