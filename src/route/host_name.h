#pragma once
// The name of a host in the one form in which it is compared: lower case, without port and final
// dot, addresses in their shortest spelling.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "route/finding.h"

namespace cirque::route {

// What a client has sent as Host or :authority. Never fails: what cannot be a name is empty, and
// an empty name finds the default host alone.
class HostName {
 public:
  static constexpr std::size_t kBytesMax = 253;  // RFC 1035 2.3.4, without the root's dot

  explicit HostName(std::string_view authority) noexcept;
  HostName(const HostName&) = delete;
  HostName& operator=(const HostName&) = delete;

  // Lives as long as this object. IPv6 addresses stand without brackets.
  std::string_view text() const noexcept { return {buffer_.data(), size_}; }

 private:
  void take_name(std::string_view name) noexcept;
  void take_ipv6(std::string_view literal) noexcept;

  std::array<char, kBytesMax + 3> buffer_;
  std::size_t size_ = 0;
};

// A name as a specification gives it: VirtualHostSpec::names.
struct HostPattern {
  enum class Kind : std::uint8_t { Exact, Wildcard, Default } kind;
  std::string text;  // in the form of HostName; of a wildcard without "*."; of the default empty

  static Parsed<HostPattern> parse(std::string_view name);

  bool operator==(const HostPattern&) const = default;
};

}  // namespace cirque::route
