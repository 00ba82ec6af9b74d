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

Marks mark_scalar(const char* block) noexcept {
  Marks marks;
  for (std::size_t i = 0; i < kMarkBytes; ++i) {
    marks.control |= std::uint64_t{is_control(block[i])} << i;
    marks.colon |= std::uint64_t{block[i] == ':'} << i;
  }
  return marks;
}

#if defined(__x86_64__)

Marks mark_sse2(const char* block) noexcept {
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i colon = _mm_set1_epi8(':');
  Marks marks;
  for (unsigned at = 0; at < kMarkBytes; at += 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + at));
    // Unsigned byte <= 0x1f: the maximum with 0x1f is still 0x1f.
    __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
    __m128i control =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low), _mm_cmpeq_epi8(bytes, del));
    auto bits = [at](__m128i hit) {
      return std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(hit))} << at;
    };
    marks.control |= bits(control);
    marks.colon |= bits(_mm_cmpeq_epi8(bytes, colon));
  }
  return marks;
}

[[gnu::target("avx2")]] Marks mark_avx2(const char* block) noexcept {
  const __m256i last_control = _mm256_set1_epi8(0x1f);
  const __m256i tab = _mm256_set1_epi8('\t');
  const __m256i del = _mm256_set1_epi8(0x7f);
  const __m256i colon = _mm256_set1_epi8(':');
  Marks marks;
  for (unsigned at = 0; at < kMarkBytes; at += 32) {
    __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + at));
    __m256i low = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, last_control), last_control);
    __m256i control = _mm256_or_si256(_mm256_andnot_si256(_mm256_cmpeq_epi8(bytes, tab), low),
                                      _mm256_cmpeq_epi8(bytes, del));
    auto controls = static_cast<unsigned>(_mm256_movemask_epi8(control));
    auto colons = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, colon)));
    marks.control |= std::uint64_t{controls} << at;
    marks.colon |= std::uint64_t{colons} << at;
  }
  return marks;
}

bool has_avx2() noexcept {
  return __builtin_cpu_supports("avx2");
}

Marks (*const mark)(const char*) noexcept = has_avx2() ? mark_avx2 : mark_sse2;

#else

Marks (*const mark)(const char*) noexcept = mark_scalar;

#endif

}  // namespace cirque::h1
