#pragma once
// Small questions about text that the protocols ask: tokens, lists, strict numbers, case.
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace cirque::base {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// ASCII only, as the protocols want it, whatever the locale.
constexpr bool equal_fold(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string lowered(std::string_view text);

// Two moves that overlap, for any size from one word to two.
template <class Word>
inline void put_ends(char* to, const char* from, std::size_t size) noexcept {
  Word front, back;
  std::memcpy(&front, from, sizeof(Word));
  std::memcpy(&back, from + size - sizeof(Word), sizeof(Word));
  std::memcpy(to, &front, sizeof(Word));
  std::memcpy(to + size - sizeof(Word), &back, sizeof(Word));
}

// Copies `text`; the position after it. Short texts in place, where memcpy's call would cost more
// than the copy.
[[gnu::always_inline]] inline char* put(char* to, std::string_view text) noexcept {
  const char* from = text.data();
  std::size_t size = text.size();
  if (size > 2 * sizeof(unsigned __int128)) {
    std::memcpy(to, from, size);
  } else if (size >= sizeof(unsigned __int128)) {
    put_ends<unsigned __int128>(to, from, size);
  } else if (size >= sizeof(std::uint64_t)) {
    put_ends<std::uint64_t>(to, from, size);
  } else if (size >= sizeof(std::uint32_t)) {
    put_ends<std::uint32_t>(to, from, size);
  } else if (size > 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
  return to + size;
}

// RFC 9110 5.6.2: 1*tchar
bool is_token(std::string_view text) noexcept;
extern const std::array<bool, 256> kTokenChars;

// Without spaces and tabs at both ends (OWS).
std::string_view trim(std::string_view text) noexcept;

// Decimal digits alone, at least one, not above `max`: no sign, no space, no overflow.
std::optional<std::uint64_t> parse_number(
    std::string_view text, std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) noexcept;

// Writes decimal digits; the position after them. Needs 20 characters of room.
inline char* write_number(char* to, std::uint64_t number) noexcept {
  return std::to_chars(to, to + 20, number).ptr;
}

// Calls visit(element) for every non-empty element of a comma-separated list, trimmed (RFC 9110
// 5.6.1). Quoted strings are not looked into: for lists of tokens.
template <class Visit>
void for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    auto comma = list.find(',');
    auto element = trim(list.substr(0, comma));
    if (!element.empty()) visit(element);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
}

// Is `token` an element of the list, whatever its case?
bool has_element(std::string_view list, std::string_view token) noexcept;

// The steps (insert, delete, change, swap two neighbours) from one word to the other: "did you
// mean".
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace cirque::base
