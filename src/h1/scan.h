#pragma once
// The inner loop of the parser: the first control character of a stretch, which in a well-formed
// head is the CR that ends the line.
#include <cstddef>

namespace cirque::h1 {

// The first byte in [from, to) that is below 0x20 and not HTAB, or 0x7f; `to` when there is none.
// Never reads beyond `to`. The widest variant that the CPU has, chosen when the program starts.
extern const char* (*const find_control)(const char* from, const char* to) noexcept;

// The variants, for the test that holds them against each other.
const char* find_control_scalar(const char* from, const char* to) noexcept;
#if defined(__x86_64__)
const char* find_control_sse2(const char* from, const char* to) noexcept;
const char* find_control_avx2(const char* from, const char* to) noexcept;
bool has_avx2() noexcept;
#endif

}  // namespace cirque::h1
