#pragma once
// Single values as a configuration writes them: durations and sizes with units, addresses,
// networks.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "config/model.h"

namespace cirque::config {

// Why a value is not what it should be, for a Finding.
struct Complaint {
  std::string message;  // goes on after the value: "has no unit"
  std::string hint;
};
template <class T>
using Value = std::expected<T, Complaint>;

// Decimal digits without sign, leading zeros or separators: what YAML 1.1 takes 010 for is
// anybody's guess.
bool looks_like_number(std::string_view text) noexcept;  // also "-1" and "1.5"
std::optional<std::uint64_t> parse_whole(std::string_view text) noexcept;

// "15s", "1m30s": whole numbers with ms, s, m, h or d.
Value<Duration> parse_duration(std::string_view text);
std::string text_of(Duration duration);

// "64k": bytes, or k, m, g (1024).
Value<std::uint64_t> parse_size(std::string_view text);
std::string size_text(std::uint64_t bytes);

enum class Use : std::uint8_t { Listen, Connect };
// "127.0.0.1:80", "[::1]:80", "localhost:80", "unix:/run/app.sock".
Value<HostPort> parse_host_port(std::string_view text, Use use);

// "10.0.0.53", "::1", "127.0.0.1:5353", "[::1]:5353": port 53 unless it is given.
Value<HostPort> parse_name_server(std::string_view text);

// An IP address, or a block of them: "10.0.0.0/8".
bool is_network(std::string_view text);

}  // namespace cirque::config
