#include "route/host_name.h"

#include "base/text.h"
#include "cirque/address.h"

namespace cirque::route {
namespace {

constexpr bool is_name_character(char c) noexcept {
  char l = base::lower(c);
  return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::string_view without_final_dot(std::string_view name) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// Why `c` cannot stand in a name; the sentence continues the name's quotation.
std::string complaint_about(char c) {
  if (c == '*') return "has a star that is not the whole first label: write *.example.com, or *";
  if (c == ':') return "has a port: a virtual host serves every port of its listeners";
  if (c == '/') return "has a slash: a host is a name, without scheme and path";
  if (static_cast<unsigned char>(c) >= 0x80) return "is not ASCII: write the name as xn--...";
  return std::string("has a character that no host name has: '") + c + "'";
}

// Labels of letters, digits, hyphens and underscores between single dots. `from` is where `name`
// begins in what the user wrote.
Parsed<std::string> parse_name(std::string_view name, std::size_t from) {
  if (auto scheme_end = name.find("://"); scheme_end != name.npos) {
    return flaw(from + scheme_end, "is a URL: a host is a name, without scheme and path");
  }
  std::string_view labels = without_final_dot(name);
  if (labels.empty()) return flaw(from, "has no name");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    bool begins_label = i == 0 || labels[i - 1] == '.';
    if (labels[i] == '.' && begins_label) return flaw(from + i, "has an empty label");
    if (labels[i] != '.' && !is_name_character(labels[i])) {
      return flaw(from + i, complaint_about(labels[i]));
    }
  }
  if (labels.ends_with('.')) return flaw(from + labels.size(), "has an empty label");
  if (labels.size() > HostName::kBytesMax) {
    return flaw(from + HostName::kBytesMax, "is longer than 253 bytes, the most DNS allows");
  }
  return base::lowered(labels);
}

bool looks_like_ipv6(std::string_view name) noexcept {
  return name.starts_with('[') || name.find(':') != name.rfind(':');
}

}  // namespace

HostName::HostName(std::string_view authority) noexcept {
  if (authority.starts_with('[')) {
    take_ipv6(authority.substr(0, authority.find(']') + 1));
  } else {
    take_name(authority.substr(0, authority.find(':')));
  }
}

void HostName::take_name(std::string_view name) noexcept {
  name = without_final_dot(name);
  if (name.size() > kBytesMax) return;
  for (std::size_t i = 0; i < name.size(); ++i) buffer_[i] = base::lower(name[i]);
  size_ = name.size();
}

void HostName::take_ipv6(std::string_view literal) noexcept {
  auto address = Address::parse_ip(literal, 0);
  if (address && address->family() == Address::Family::V6)
    size_ = address->write_ip(buffer_.data());
}

Parsed<HostPattern> HostPattern::parse(std::string_view name) {
  if (name == "*") return HostPattern{Kind::Default, {}};
  if (looks_like_ipv6(name)) {
    auto address = Address::parse_ip(name, 0);
    if (!address) return flaw(0, "is not an IPv6 address; a port does not belong to a host");
    return HostPattern{Kind::Exact, address->ip_text()};
  }
  bool is_wildcard = name.starts_with("*.");
  auto text = parse_name(name.substr(is_wildcard ? 2 : 0), is_wildcard ? 2 : 0);
  if (!text) return std::unexpected(std::move(text.error()));
  return HostPattern{is_wildcard ? Kind::Wildcard : Kind::Exact, std::move(*text)};
}

}  // namespace cirque::route
