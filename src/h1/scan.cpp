#include "h1/scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cirque::h1 {
namespace {

constexpr bool is_control(char c) noexcept {
  auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

}  // namespace

const char* find_control_scalar(const char* from, const char* to) noexcept {
  while (from != to && !is_control(*from)) ++from;
  return from;
}

#if defined(__x86_64__)

const char* find_control_sse2(const char* from, const char* to) noexcept {
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; to - from >= 16; from += 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    // Unsigned byte <= 0x1f: the maximum with 0x1f is still 0x1f.
    __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
    __m128i hit =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low), _mm_cmpeq_epi8(bytes, del));
    if (int mask = _mm_movemask_epi8(hit)) return from + __builtin_ctz(static_cast<unsigned>(mask));
  }
  return find_control_scalar(from, to);
}

[[gnu::target("avx2")]] const char* find_control_avx2(const char* from, const char* to) noexcept {
  const __m256i last_control = _mm256_set1_epi8(0x1f);
  const __m256i tab = _mm256_set1_epi8('\t');
  const __m256i del = _mm256_set1_epi8(0x7f);
  for (; to - from >= 32; from += 32) {
    __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    __m256i low = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, last_control), last_control);
    __m256i hit = _mm256_or_si256(_mm256_andnot_si256(_mm256_cmpeq_epi8(bytes, tab), low),
                                  _mm256_cmpeq_epi8(bytes, del));
    if (int mask = _mm256_movemask_epi8(hit)) {
      return from + __builtin_ctz(static_cast<unsigned>(mask));
    }
  }
  return find_control_sse2(from, to);
}

bool has_avx2() noexcept {
  return __builtin_cpu_supports("avx2");
}

const char* (*const find_control)(const char*, const char*) noexcept = has_avx2()
                                                                           ? find_control_avx2
                                                                           : find_control_sse2;

#else

const char* (*const find_control)(const char*, const char*) noexcept = find_control_scalar;

#endif

}  // namespace cirque::h1
