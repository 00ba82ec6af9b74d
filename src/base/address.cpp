#include "cirque/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "base/text.h"

namespace cirque {
namespace {

char* write_octet(char* at, unsigned octet) noexcept {
  if (octet >= 100) *at++ = static_cast<char>('0' + octet / 100);
  if (octet >= 10) *at++ = static_cast<char>('0' + octet / 10 % 10);
  *at++ = static_cast<char>('0' + octet % 10);
  return at;
}

constexpr std::string_view kUnixPrefix = "unix:";
constexpr Error kNotAnAddress{.fault = Fault::Malformed, .reason = "bad_address"};

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) {
    auto path = text.substr(kUnixPrefix.size());
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) return fail(kNotAnAddress);
    Address address;
    address.family_ = Family::Unix;
    address.path_ = std::make_shared<const std::string>(path);
    return address;
  }
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(kNotAnAddress);
  auto host = text.substr(0, colon);
  auto port = base::parse_number(text.substr(colon + 1), 65535);
  if (!port) return fail(kNotAnAddress);
  bool bracketed = host.starts_with('[');
  if (!bracketed && host.contains(':')) return fail(kNotAnAddress);
  return parse_ip(host, static_cast<std::uint16_t>(*port));
}

Result<Address> Address::parse_ip(std::string_view ip, std::uint16_t port) {
  bool bracketed = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
  if (bracketed) ip = ip.substr(1, ip.size() - 2);
  char text[INET6_ADDRSTRLEN];
  if (ip.empty() || ip.size() >= sizeof text || ip.contains('\0')) return fail(kNotAnAddress);
  text[ip.copy(text, ip.size())] = '\0';
  Address address;
  address.port_ = port;
  if (!bracketed && inet_pton(AF_INET, text, address.ip_.data()) == 1) {
    address.family_ = Family::V4;
  } else if (inet_pton(AF_INET6, text, address.ip_.data()) == 1) {
    address.family_ = Family::V6;
  } else {
    return fail(kNotAnAddress);
  }
  return address;
}

Address Address::nameless_unix() noexcept {
  Address address;
  address.family_ = Family::Unix;
  return address;
}

Address Address::from(const sockaddr* socket_address, std::uint32_t bytes) noexcept {
  Address address;
  if (socket_address->sa_family == AF_INET && bytes >= sizeof(sockaddr_in)) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(socket_address);
    address.family_ = Family::V4;
    address.port_ = ntohs(in->sin_port);
    std::memcpy(address.ip_.data(), &in->sin_addr, 4);
  } else if (socket_address->sa_family == AF_INET6 && bytes >= sizeof(sockaddr_in6)) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(socket_address);
    address.port_ = ntohs(in->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {  // a dual-stack listener: the client is an IPv4 one
      address.family_ = Family::V4;
      std::memcpy(address.ip_.data(), in->sin6_addr.s6_addr + 12, 4);
    } else {
      address.family_ = Family::V6;
      std::memcpy(address.ip_.data(), &in->sin6_addr, 16);
    }
  } else if (socket_address->sa_family == AF_UNIX) {
    return nameless_unix();  // a client's has no name worth keeping
  }
  return address;
}

Address Address::unmapped() const noexcept {
  if (family_ != Family::V6) return *this;
  sockaddr_storage storage;
  auto length = to(storage);
  return from(reinterpret_cast<const sockaddr*>(&storage), length);
}

std::uint32_t Address::to(sockaddr_storage& to) const noexcept {
  std::memset(&to, 0, sizeof to);
  switch (family_) {
    case Family::V4: {
      auto& in = reinterpret_cast<sockaddr_in&>(to);
      in.sin_family = AF_INET;
      in.sin_port = htons(port_);
      std::memcpy(&in.sin_addr, ip_.data(), 4);
      return sizeof in;
    }
    case Family::V6: {
      auto& in = reinterpret_cast<sockaddr_in6&>(to);
      in.sin6_family = AF_INET6;
      in.sin6_port = htons(port_);
      std::memcpy(&in.sin6_addr, ip_.data(), 16);
      return sizeof in;
    }
    case Family::Unix: {
      auto& un = reinterpret_cast<sockaddr_un&>(to);
      un.sun_family = AF_UNIX;
      auto name = path();
      name.copy(un.sun_path, sizeof un.sun_path - 1);
      return static_cast<std::uint32_t>(offsetof(sockaddr_un, sun_path) + name.size() + 1);
    }
    case Family::None:
      break;
  }
  return 0;
}

bool Address::is_loopback() const noexcept {
  static constexpr std::array<std::uint8_t, 16> kV6Loopback = {0, 0, 0, 0, 0, 0, 0, 0,
                                                               0, 0, 0, 0, 0, 0, 0, 1};
  return family_ == Family::Unix || (family_ == Family::V4 && ip_[0] == 127) ||
         (family_ == Family::V6 && ip_ == kV6Loopback);
}

std::size_t Address::write_ip(char* to) const noexcept {
  if (family_ == Family::V4) {
    char* at = to;
    for (int i = 0; i < 4; ++i) {
      if (i) *at++ = '.';
      at = write_octet(at, ip_[static_cast<std::size_t>(i)]);
    }
    return static_cast<std::size_t>(at - to);
  }
  if (family_ == Family::V6) {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, ip_.data(), text, sizeof text);
    auto length = std::strlen(text);
    std::memcpy(to, text, length);
    return length;
  }
  std::memcpy(to, kUnixPrefix.data(), kUnixPrefix.size());
  return kUnixPrefix.size();
}

std::string Address::ip_text() const {
  char text[kIpTextMax];
  return {text, write_ip(text)};
}

std::string Address::text() const {
  switch (family_) {
    case Family::V4:
      return ip_text() + ":" + std::to_string(port_);
    case Family::V6:
      return "[" + ip_text() + "]:" + std::to_string(port_);
    case Family::Unix:
      return std::string(kUnixPrefix) + std::string(path());
    case Family::None:
      break;
  }
  return "none";
}

std::uint64_t Address::hash() const noexcept {
  std::uint64_t h = base::mix((std::uint64_t{port_} << 8) | static_cast<std::uint64_t>(family_));
  if (family_ == Family::Unix) return h ^ base::hash(path());
  return h ^ base::hash({reinterpret_cast<const char*>(ip_.data()), ip_.size()});
}

bool operator==(const Address& a, const Address& b) noexcept {
  return a.family_ == b.family_ && a.port_ == b.port_ && a.ip_ == b.ip_ && a.path() == b.path();
}

Result<Network> Network::parse(std::string_view text) {
  auto slash = text.find('/');
  Network network;
  network.base_ = TRY(Address::parse_ip(text.substr(0, slash), 0));
  unsigned most = network.base_.family() == Address::Family::V4 ? 32 : 128;
  network.bits_ = most;
  if (slash != std::string_view::npos) {
    auto bits = base::parse_number(text.substr(slash + 1), most);
    if (!bits) return fail(kNotAnAddress);
    network.bits_ = static_cast<unsigned>(*bits);
  }
  constexpr unsigned kMappedBits = 96;  // in front of the IPv4 address
  auto base = network.base_.unmapped();
  bool is_mapped = base.family() != network.base_.family() && network.bits_ >= kMappedBits;
  if (is_mapped) {
    network.base_ = std::move(base);
    network.bits_ -= kMappedBits;
  }
  return network;
}

bool Network::contains(const Address& address) const noexcept {
  if (address.family() != base_.family()) return false;
  unsigned whole = bits_ / 8;
  const auto& a = address.ip();
  const auto& b = base_.ip();
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  unsigned rest = bits_ % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace cirque
