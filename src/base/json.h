#pragma once
// JSON written by hand, where lines are written by the hundred thousand: escaping into a buffer.
#include <cstddef>
#include <string>
#include <string_view>

namespace cirque::base {

// The room that `text` needs at most as a JSON string, without the quotes.
constexpr std::size_t json_size_max(std::string_view text) noexcept {
  return 6 * text.size();
}

// Writes `text` escaped, without the quotes; the position after it. Needs json_size_max() of room.
// Control characters, those of
// U+0080 to U+009F included, quotes and backslashes are escaped; a byte that is not part of valid
// UTF-8 becomes U+00XX.
char* write_json(char* to, std::string_view text) noexcept;

void append_json(std::string& to, std::string_view text);
// With the quotes.
std::string json_string(std::string_view text);
// The shortest digits that read back as the same number; null for what JSON has no number for.
void append_json(std::string& to, double number);

// The same text for a line that people read: control characters and bytes above 0x7e as \xHH, and
// quotes and backslashes likewise, as nginx does.
char* write_plain(char* to, std::string_view text) noexcept;

}  // namespace cirque::base
