#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cirque::config {
namespace {

struct TimeUnit {
  std::string_view name;
  Duration each;
};

// Descending, as a compound duration has them.
constexpr std::array<TimeUnit, 5> kTimeUnits = {
    {{"d", 24h}, {"h", 1h}, {"m", 1min}, {"s", 1s}, {"ms", 1ms}}};

constexpr std::string_view kDigits = "0123456789";

std::string_view leading(std::string_view text, std::string_view of) {
  return text.substr(0, std::min(text.find_first_not_of(of), text.size()));
}

std::unexpected<Complaint> complain(std::string message, std::string hint = {}) {
  return std::unexpected(Complaint{std::move(message), std::move(hint)});
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  if (host.back() == '.') host.remove_suffix(1);
  std::string_view label;
  while (true) {
    auto dot = host.find('.');
    label = host.substr(0, dot);
    bool good = !label.empty() && label.size() <= 63 && label.front() != '-' &&
                label.back() != '-' && std::ranges::all_of(label, [](char c) {
                  return (c >= '0' && c <= '9') ||
                         (base::lower(c) >= 'a' && base::lower(c) <= 'z') || c == '-' ||
                         c == '_';  // an underscore is common in container networks
                });
    if (!good) return false;
    if (dot == host.npos) break;
    host.remove_prefix(dot + 1);
  }
  // "300.1.2.3" is a mistyped address, not a name.
  return label.find_first_not_of(kDigits) != label.npos;
}

Value<HostPort> parse_unix(std::string_view text) {
  auto address = Address::parse(text);
  if (!address)
    return complain("is not the path of a unix socket", "at most 107 bytes: unix:/run/app.sock");
  return HostPort{.text = std::string(text), .host = {}, .port = 0, .address = *address};
}

// What people write when they mean a host and a port.
std::optional<Complaint> common_slip(std::string_view text, Use use) {
  if (auto scheme = text.find("://"); scheme != text.npos) {
    auto rest = text.substr(scheme + 3);
    auto host = rest.substr(0, rest.find('/'));
    host = host.substr(host.rfind('@') + 1);  // npos + 1 is 0
    bool has_port = host.rfind(':') != host.npos && !host.ends_with(']');
    auto port = has_port ? "" : text.starts_with("https") ? ":443" : ":80";
    return Complaint{"is a URL", fmt::format("write {}{}", host, port)};
  }
  bool is_port = !text.empty() && text.find_first_not_of(kDigits) == text.npos;
  if (is_port || (text.starts_with(':') && !text.starts_with("::"))) {
    auto port = is_port ? text : text.substr(1);
    return Complaint{"has no address before the port",
                     use == Use::Listen
                         ? fmt::format("write 0.0.0.0:{0} for IPv4 or [::]:{0} for IPv6", port)
                         : fmt::format("write 127.0.0.1:{}", port)};
  }
  auto colons = std::ranges::count(text, ':');
  if (colons > 1 && !text.starts_with('[')) {
    return Complaint{"looks like an IPv6 address without brackets", "write [::1]:80"};
  }
  bool whole_is_host = Address::parse_ip(text, 0) || is_host_name(text);
  if (whole_is_host) return Complaint{"has no port", fmt::format("write {}:80", text)};
  if (colons == 0) return Complaint{"is not an address with a port", {}};
  return std::nullopt;
}

}  // namespace

bool looks_like_number(std::string_view text) noexcept {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.front() >= '0' && text.front() <= '9' &&
         text.find_first_not_of("0123456789._") == text.npos && std::ranges::count(text, '.') < 2;
}

std::optional<std::uint64_t> parse_whole(std::string_view text) noexcept {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return base::parse_number(text);
}

Value<Duration> parse_duration(std::string_view text) {
  if (looks_like_number(text)) {
    return complain("has no unit",
                    fmt::format("write {0}s for seconds or {0}ms for milliseconds", text));
  }
  auto rest = text;
  std::int64_t total = 0;
  Duration previous = Duration::max();
  do {
    auto digits = leading(rest, kDigits);
    rest.remove_prefix(digits.size());
    std::string_view fraction;
    if (rest.starts_with('.')) {
      fraction = leading(rest.substr(1), kDigits);
      rest.remove_prefix(fraction.size() + 1);
      if (fraction.empty() || fraction.size() > 9) return complain("is not a duration");
    }
    auto name = rest.substr(0, std::min(rest.find_first_of(kDigits), rest.size()));
    rest.remove_prefix(name.size());
    auto number = base::parse_number(digits, INT64_MAX);
    auto unit = std::ranges::find(kTimeUnits, name, &TimeUnit::name);
    bool good = number && unit != kTimeUnits.end() && unit->each < previous;
    if (!good) return complain("is not a duration");
    previous = unit->each;
    std::int64_t part = 0;
    if (__builtin_mul_overflow(static_cast<std::int64_t>(*number), unit->each.count(), &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return complain("is longer than anybody can wait");
    }
    auto each = unit->each.count();
    for (char digit : fraction) {
      if (each % 10 != 0 && digit != '0') return complain("is finer than a millisecond");
      each /= 10;
      if (__builtin_add_overflow(total, (digit - '0') * each, &total)) {
        return complain("is longer than anybody can wait");
      }
    }
  } while (!rest.empty());
  if (Duration(total) % 1ms != Duration::zero()) return complain("is finer than a millisecond");
  return Duration(total);
}

std::string text_of(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  for (const auto& unit : kTimeUnits) {
    if (duration % unit.each == Duration::zero())
      return fmt::format("{}{}", duration / unit.each, unit.name);
  }
  return fmt::format("{}ms", duration / 1ms);
}

Value<std::uint64_t> parse_size(std::string_view text) {
  auto digits = leading(text, kDigits);
  auto unit = base::lowered(text.substr(digits.size()));
  auto number = parse_whole(digits);
  constexpr std::string_view kUnits = "kmg";
  auto at = unit.empty() ? 0 : kUnits.find(unit.front());
  if (!number || unit.size() > 1 || at == kUnits.npos) {
    bool has_tail = number && (unit == "kb" || unit == "kib" || unit == "mb" || unit == "mib");
    return complain("is not a size",
                    has_tail ? fmt::format("write {}{}", digits, unit.front()) : "");
  }
  auto power = unit.empty() ? 0 : at + 1;
  auto bytes = *number;
  if (__builtin_mul_overflow(bytes, std::uint64_t{1} << (10 * power), &bytes)) {
    return complain("is larger than any memory");
  }
  return bytes;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "gmk";
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    auto each = std::uint64_t{1} << (10 * (kUnits.size() - i));
    if (bytes >= each && bytes % each == 0) return fmt::format("{}{}", bytes / each, kUnits[i]);
  }
  return fmt::format("{}", bytes);
}

Value<HostPort> parse_host_port(std::string_view text, Use use) {
  if (text.starts_with("unix:")) return parse_unix(text);
  if (auto slip = common_slip(text, use)) return std::unexpected(*slip);
  auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  auto port = parse_whole(text.substr(colon + 1));
  if (!port) return complain("has no port number after the last ':'");
  if (*port > 65535) return complain(fmt::format("has the port {}; the highest is 65535", *port));
  if (*port == 0 && use == Use::Connect) return complain("has the port 0, where nobody can listen");
  HostPort out{.text = std::string(text),
               .host = std::string(host),
               .port = static_cast<std::uint16_t>(*port),
               .address = {}};
  if (auto address = Address::parse(text)) {
    out.address = *address;
    out.host = address->ip_text();
  } else if (!is_host_name(host)) {
    return complain(fmt::format("has a host that is neither an IP address nor a name: '{}'", host));
  }
  return out;
}

Value<HostPort> parse_name_server(std::string_view text) {
  constexpr std::uint16_t kDnsPort = 53;
  if (auto address = Address::parse_ip(text, kDnsPort)) {
    return HostPort{.text = std::string(text),
                    .host = address->ip_text(),
                    .port = kDnsPort,
                    .address = *address};
  }
  auto parsed = parse_host_port(text, Use::Connect);
  bool names_ip = Address::parse_ip(text.substr(0, text.rfind(':')), 0).has_value();
  if (!parsed && names_ip) return parsed;  // its port is what is wrong
  bool is_ip = parsed && parsed->address && parsed->address->is_ip();
  if (!is_ip) return complain("is not an IP address, with or without a port");
  return parsed;
}

bool is_network(std::string_view text) {
  auto slash = text.find('/');
  auto address = Address::parse_ip(text.substr(0, slash), 0);
  if (!address || text.starts_with('[')) return false;
  if (slash == text.npos) return true;
  auto bits = parse_whole(text.substr(slash + 1));
  return bits && *bits <= (address->family() == Address::Family::V4 ? 32U : 128U);
}

}  // namespace cirque::config
