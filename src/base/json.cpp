#include "base/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace cirque::base {
namespace {

constexpr std::size_t kNumberMax = 32;  // "-2.2250738585072014e-308" is the longest kind
constexpr char kHex[] = "0123456789abcdef";
constexpr char kUpperHex[] = "0123456789ABCDEF";

// True: the byte stands for itself in a JSON string.
constexpr std::array<bool, 256> kStands = [] {
  std::array<bool, 256> stands{};
  for (unsigned c = 0x20; c < 0x7f; ++c) stands[c] = true;
  stands['"'] = stands['\\'] = false;
  return stands;
}();

// The length of the valid UTF-8 sequence at the front of `text`; 0 when there is none.
std::size_t sequence_at(std::string_view text) noexcept {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned lead = byte(0);
  std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  bool beyond = (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f);
  return overlong || beyond ? 0 : length;
}

// U+0080 to U+009F: terminals obey these as they do ESC.
bool is_c1_control(std::string_view sequence) noexcept {
  return sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

char* write_code(char* to, unsigned char code) noexcept {
  const char escape[] = {'\\', 'u', '0', '0', kHex[code >> 4], kHex[code & 15]};
  std::memcpy(to, escape, sizeof escape);
  return to + sizeof escape;
}

constexpr std::uint64_t kEach = 0x0101010101010101;

// Is any of the eight bytes one that does not stand for itself? A difference that borrows sets the
// top bit of its byte (and may set those above it: no matter, the answer is yes already).
constexpr bool has_odd(std::uint64_t bytes) noexcept {
  auto odd = bytes | (bytes - kEach * 0x20) | ((bytes ^ kEach * '"') - kEach) |
             ((bytes ^ kEach * '\\') - kEach) | ((bytes ^ kEach * 0x7f) - kEach);
  return (odd & kEach * 0x80) != 0;
}

template <class Word>
std::uint64_t word_at(const char* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

template <class Word>
void put_word(char* at, std::uint64_t bytes) noexcept {
  auto word = static_cast<Word>(bytes);
  std::memcpy(at, &word, sizeof word);
}

#if defined(__x86_64__)
constexpr std::size_t kBlock = 16;

// The same for sixteen bytes, which are copied too. No is no: what was copied is written again.
inline bool copy_block(char* to, const char* from) noexcept {
  __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  // Below 0x20 as signed numbers: control characters, and everything that is not ASCII.
  __m128i odd = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
                             _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
  odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
  odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
  return _mm_movemask_epi8(odd) == 0;
}
#endif

// Copies the text if all of it stands for itself. Nearly every one does, and is short.
inline bool copy_plain(char* to, std::string_view text) noexcept {
  const char* from = text.data();
  auto size = text.size();
#if defined(__x86_64__)
  if (size >= kBlock) {
    auto last = size - kBlock;
    for (std::size_t at = 0; at < last; at += kBlock) {
      if (!copy_block(to + at, from + at)) return false;
    }
    return copy_block(to + last, from + last);
  }
#endif
  if (size >= 8) {
    auto last = size - 8;
    auto back = word_at<std::uint64_t>(from + last);
    for (std::size_t at = 0; at < last; at += 8) {
      auto word = word_at<std::uint64_t>(from + at);
      if (has_odd(word)) return false;
      put_word<std::uint64_t>(to + at, word);
    }
    put_word<std::uint64_t>(to + last, back);
    return !has_odd(back);
  }
  if (size >= 4) {
    auto front = word_at<std::uint32_t>(from);
    auto back = word_at<std::uint32_t>(from + size - 4);
    put_word<std::uint32_t>(to, front);
    put_word<std::uint32_t>(to + size - 4, back);
    return !has_odd(front << 32 | back);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (!kStands[static_cast<unsigned char>(from[i])]) return false;
    to[i] = from[i];
  }
  return true;
}

// The character at the front of `text`, which does not stand for itself. Moves `to` on; the bytes
// it took.
std::size_t write_escaped(char*& to, std::string_view text) noexcept {
  auto byte = static_cast<unsigned char>(text.front());
  std::size_t length = byte >= 0x80 ? sequence_at(text) : 0;
  if (byte == '"' || byte == '\\') {
    *to++ = '\\';
    *to++ = text.front();
  } else if (length == 0) {
    to = write_code(to, byte);
  } else if (is_c1_control(text)) {
    to = write_code(to, static_cast<unsigned char>(text[1]));
  } else {
    std::memcpy(to, text.data(), length);
    to += length;
  }
  return length ? length : 1;
}

}  // namespace

char* write_json(char* to, std::string_view text) noexcept {
  if (copy_plain(to, text)) return to + text.size();
  while (!text.empty()) {
    if (kStands[static_cast<unsigned char>(text.front())]) {
      *to++ = text.front();
      text.remove_prefix(1);
    } else {
      text.remove_prefix(write_escaped(to, text));
    }
  }
  return to;
}

void append_json(std::string& to, std::string_view text) {
  auto size = to.size();
  to.resize(size + json_size_max(text));
  to.resize(static_cast<std::size_t>(write_json(to.data() + size, text) - to.data()));
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  append_json(out, text);
  return out + '"';
}

void append_json(std::string& to, double number) {
  if (!std::isfinite(number)) {
    to += "null";
    return;
  }
  char text[kNumberMax];
  to.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

char* write_plain(char* to, std::string_view text) noexcept {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (kStands[byte]) {
      *to++ = c;
      continue;
    }
    *to++ = '\\';
    *to++ = 'x';
    *to++ = kUpperHex[byte >> 4];
    *to++ = kUpperHex[byte & 15];
  }
  return to;
}

}  // namespace cirque::base
