#pragma once
// Query parameters and cookies as predicates see them: cut, compared and decoded in place.
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/text.h"

namespace cirque::route {

// Calls visit(name, value) for each parameter of "a=1&b&c=x%20y", both still encoded, until it
// returns true. True: one did. A parameter without "=" has an empty value.
template <class Visit>
bool any_parameter(std::string_view query, Visit visit) {
  while (!query.empty()) {
    auto parameter = query.substr(0, query.find('&'));
    query.remove_prefix(parameter.size());
    if (!query.empty()) query.remove_prefix(1);
    auto name = parameter.substr(0, parameter.find('='));
    if (parameter.empty()) continue;
    auto value = parameter.substr(name.size());
    if (!value.empty()) value.remove_prefix(1);
    if (visit(name, value)) return true;
  }
  return false;
}

// The same for a Cookie field, "a=1; b=2" (RFC 6265 4.2.1). Quotes are part of a value.
template <class Visit>
bool any_cookie(std::string_view field, Visit visit) {
  while (!field.empty()) {
    auto cookie = field.substr(0, field.find(';'));
    field.remove_prefix(cookie.size());
    if (!field.empty()) field.remove_prefix(1);
    auto equals = cookie.find('=');
    if (equals == std::string_view::npos) continue;
    if (visit(base::trim(cookie.substr(0, equals)), base::trim(cookie.substr(equals + 1)))) {
      return true;
    }
  }
  return false;
}

// Does `encoded` say `text`, once decoded? "%41" and "A" are the same, "+" is a space, and a broken
// encoding stands for itself.
bool decodes_to(std::string_view encoded, std::string_view text) noexcept;
bool decodes_to_begin_with(std::string_view encoded, std::string_view text) noexcept;

// Decodes into `room`; the bytes written, or empty when there is not room enough.
std::optional<std::size_t> decode(std::string_view encoded, std::span<char> room) noexcept;

}  // namespace cirque::route
