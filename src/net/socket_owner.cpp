#include "net/socket_owner.h"

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

namespace cirque::net {
namespace {

struct End {
  std::array<std::uint8_t, 16> ip{};  // of IPv4 in its mapped form
  std::uint16_t port = 0;

  bool operator==(const End&) const = default;
};

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

End end_of(const Address& address) {
  End end{.ip = {}, .port = address.port()};
  if (address.family() == Address::Family::V6) {
    end.ip = address.ip();
  } else {
    std::memcpy(end.ip.data(), kMapped.data(), kMapped.size());
    std::memcpy(end.ip.data() + kMapped.size(), address.ip().data(), 4);
  }
  return end;
}

template <class T>
bool read_number(std::string_view text, int base, T& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

// "0100007F:1F90": words as the machine has them in memory, each in hexadecimal.
std::optional<End> parse_end(std::string_view text) {
  auto colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  End end;
  std::size_t to = 0;
  if (colon == 8) {
    std::memcpy(end.ip.data(), kMapped.data(), kMapped.size());
    to = kMapped.size();
  }
  for (std::size_t at = 0; at < colon; at += 8, to += 4) {
    std::uint32_t word = 0;
    if (!read_number(text.substr(at, 8), 16, word)) return std::nullopt;
    std::memcpy(end.ip.data() + to, &word, sizeof word);
  }
  if (!read_number(text.substr(colon + 1), 16, end.port)) return std::nullopt;
  return end;
}

// The word of that number in a line.
std::string_view word_at(std::string_view line, unsigned number) {
  for (;; --number) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    auto word = line.substr(0, line.find(' '));
    if (number == 0 || word.empty()) return word;
    line.remove_prefix(word.size());
  }
}

std::string text_of(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

}  // namespace

void add_owners(std::string_view table, const Address& from, std::uint16_t to_port,
                std::vector<uid_t>& owners) {
  constexpr unsigned kLocal = 1, kRemote = 2, kUser = 7;
  const auto wanted = end_of(from);
  while (!table.empty()) {
    auto line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(line.size() + 1, table.size()));
    if (parse_end(word_at(line, kLocal)) != wanted) continue;
    auto remote = parse_end(word_at(line, kRemote));
    uid_t user = 0;
    bool is_it = remote && remote->port == to_port && read_number(word_at(line, kUser), 10, user);
    if (is_it) owners.push_back(user);
  }
}

std::vector<uid_t> owners_of(const Address& from, std::uint16_t to_port) {
  std::vector<uid_t> owners;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    add_owners(text_of(path), from, to_port, owners);
  }
  return owners;
}

}  // namespace cirque::net
