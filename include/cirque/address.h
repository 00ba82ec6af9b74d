#pragma once
// Where a socket is: an IPv4 or IPv6 address with a port, or the path of a unix socket.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cirque/result.h"

struct sockaddr;
struct sockaddr_storage;

namespace cirque {

// A value: copies, compares, hashes. An IPv4 address is kept in its first four bytes.
class Address {
 public:
  enum class Family : std::uint8_t { None, V4, V6, Unix };

  Address() noexcept = default;

  // "127.0.0.1:80", "[::1]:80", "unix:/run/app.sock". A name is Fault::Malformed: see
  // net/resolver.h.
  static Result<Address> parse(std::string_view text);
  // "127.0.0.1", "::1", "[::1]"
  static Result<Address> parse_ip(std::string_view ip, std::uint16_t port);
  // Whoever has connected to a unix socket.
  static Address nameless_unix() noexcept;
  static Address from(const sockaddr* socket_address, std::uint32_t bytes) noexcept;

  // Fills `to`; the bytes used.
  std::uint32_t to(sockaddr_storage& to) const noexcept;

  Family family() const noexcept { return family_; }

  bool is_ip() const noexcept { return family_ == Family::V4 || family_ == Family::V6; }

  bool is_loopback() const noexcept;

  // What a listener for both families calls an IPv4 client (::ffff:10.0.0.1, RFC 4291 2.5.5.2) is
  // that client; every other address is itself.
  Address unmapped() const noexcept;

  std::uint16_t port() const noexcept { return port_; }

  void set_port(std::uint16_t port) noexcept { port_ = port; }

  const std::array<std::uint8_t, 16>& ip() const noexcept { return ip_; }

  std::string_view path() const noexcept { return path_ ? std::string_view(*path_) : ""; }

  std::string text() const;     // as parse() reads it
  std::string ip_text() const;  // without the port; "unix:" for a unix socket
  // Writes ip_text() to `to` without allocating; the characters written, at most kIpTextMax.
  static constexpr std::size_t kIpTextMax = 46;
  std::size_t write_ip(char* to) const noexcept;

  std::uint64_t hash() const noexcept;
  friend bool operator==(const Address& a, const Address& b) noexcept;

 private:
  Family family_ = Family::None;
  std::uint16_t port_ = 0;
  std::array<std::uint8_t, 16> ip_{};
  std::shared_ptr<const std::string> path_;
};

// An address block: "10.0.0.0/8", "::1/128"; without a length, that address alone. A block of IPv4
// addresses that is written in IPv6 (::ffff:10.0.0.0/104) is that block.
class Network {
 public:
  static Result<Network> parse(std::string_view text);
  bool contains(const Address& address) const noexcept;

  // As it was written: bits behind the first bits() need not be 0.
  const Address& base() const noexcept { return base_; }

  unsigned bits() const noexcept { return bits_; }

 private:
  Address base_;
  unsigned bits_ = 0;
};

}  // namespace cirque
