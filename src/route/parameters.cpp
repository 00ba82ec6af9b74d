#include "route/parameters.h"

namespace cirque::route {
namespace {

int hex_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  char l = base::lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// Takes one decoded byte off the begin.
char take_byte(std::string_view& encoded) noexcept {
  char c = encoded.front();
  if (c == '%' && encoded.size() >= 3) {
    int high = hex_of(encoded[1]);
    int low = hex_of(encoded[2]);
    if (high >= 0 && low >= 0) {
      encoded.remove_prefix(3);
      return static_cast<char>(high * 16 + low);
    }
  }
  encoded.remove_prefix(1);
  return c == '+' ? ' ' : c;
}

// Takes `text` off the begin, or says that it is not there.
bool take_text(std::string_view& encoded, std::string_view text) noexcept {
  for (char c : text) {
    if (encoded.empty() || take_byte(encoded) != c) return false;
  }
  return true;
}

}  // namespace

bool decodes_to(std::string_view encoded, std::string_view text) noexcept {
  return take_text(encoded, text) && encoded.empty();
}

bool decodes_to_begin_with(std::string_view encoded, std::string_view text) noexcept {
  return take_text(encoded, text);
}

std::optional<std::size_t> decode(std::string_view encoded, std::span<char> room) noexcept {
  std::size_t size = 0;
  while (!encoded.empty()) {
    if (size == room.size()) return std::nullopt;
    room[size++] = take_byte(encoded);
  }
  return size;
}

}  // namespace cirque::route
