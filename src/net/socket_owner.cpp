#include "net/socket_owner.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

#include "net/socket.h"

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

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 about;
};

Question question(const Address& from, const Address& to) {
  Question asked{};
  asked.header.nlmsg_len = sizeof asked;
  asked.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  asked.header.nlmsg_flags = NLM_F_REQUEST;
  bool is_v6 = from.family() == Address::Family::V6;
  asked.about.sdiag_family = is_v6 ? AF_INET6 : AF_INET;
  asked.about.sdiag_protocol = IPPROTO_TCP;
  auto& id = asked.about.id;
  id.idiag_sport = htons(from.port());
  id.idiag_dport = htons(to.port());
  std::memcpy(id.idiag_src, from.ip().data(), is_v6 ? 16 : 4);
  std::memcpy(id.idiag_dst, to.ip().data(), is_v6 ? 16 : 4);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return asked;
}

// A question whose socket is not there is answered with one that listens at its address.
bool is_the_same(const inet_diag_sockid& id, const inet_diag_sockid& asked, bool is_v6) noexcept {
  std::size_t bytes = is_v6 ? 16 : 4;
  return id.idiag_sport == asked.idiag_sport && id.idiag_dport == asked.idiag_dport &&
         std::memcmp(id.idiag_src, asked.idiag_src, bytes) == 0 &&
         std::memcmp(id.idiag_dst, asked.idiag_dst, bytes) == 0;
}

std::optional<uid_t> ask_kernel(const Address& from, const Address& to) {
  Fd kernel(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  auto asked = question(from, to);
  if (!kernel || send(kernel.get(), &asked, sizeof asked, 0) < 0) return std::nullopt;
  // It has answered when send() returns: this waits for nothing.
  alignas(nlmsghdr) std::array<char, 4096> text;
  auto got = recv(kernel.get(), text.data(), text.size(), 0);

  struct {
    nlmsghdr header;
    inet_diag_msg about;
  } answer;

  if (got < static_cast<ssize_t>(sizeof answer)) return std::nullopt;
  std::memcpy(&answer, text.data(), sizeof answer);
  const auto& about = answer.about;
  bool is_it = answer.header.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
               about.idiag_state == TCP_ESTABLISHED && about.idiag_inode != 0 &&
               is_the_same(about.id, asked.about.id, asked.about.sdiag_family == AF_INET6);
  if (!is_it) return std::nullopt;
  return about.idiag_uid;
}

// In a user namespace all users of the machine that it does not know look like one, and that may be
// its own.
bool knows_all_users() {
  std::istringstream map(text_of("/proc/self/uid_map"));
  std::uint64_t inside = 1, outside = 1, count = 0;
  map >> inside >> outside >> count;
  return inside == 0 && outside == 0 && count == 0xffff'ffff;
}

}  // namespace

std::optional<uid_t> owner_in(std::string_view table, const Address& from, const Address& to) {
  constexpr unsigned kLocal = 1, kRemote = 2, kState = 3, kUser = 7, kInode = 9;
  const auto here = end_of(from), there = end_of(to);
  std::optional<uid_t> owner;
  while (!table.empty()) {
    auto line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(line.size() + 1, table.size()));
    if (parse_end(word_at(line, kLocal)) != here) continue;
    if (parse_end(word_at(line, kRemote)) != there) continue;
    uid_t user = 0;
    bool is_sure = !owner && word_at(line, kState) == "01" && word_at(line, kInode) != "0" &&
                   read_number(word_at(line, kUser), 10, user);
    if (!is_sure) return std::nullopt;
    owner = user;
  }
  return owner;
}

std::optional<uid_t> owner_of(const Address& from, const Address& to) {
  constexpr uid_t kUnknown = 65534;
  if (!from.is_ip() || from.family() != to.family()) return std::nullopt;
  auto owner = ask_kernel(from, to);
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    if (!owner) owner = owner_in(text_of(path), from, to);
  }
  if (owner == kUnknown && !knows_all_users()) return std::nullopt;
  return owner;
}

}  // namespace cirque::net
