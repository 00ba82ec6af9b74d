#include "control/hash_key.h"

#include "base/hash.h"
#include "base/random.h"
#include "route/parameters.h"

namespace cirque::control {
namespace {

// Who has no key is not to weigh on one backend.
std::uint64_t by_chance() noexcept {
  thread_local base::Random random;
  return random.next();
}

// The first of that name; empty: none.
template <class Any>
std::string_view first_called(std::string_view name, std::string_view among, Any any) {
  std::string_view found;
  any(among, [&](std::string_view called, std::string_view value) {
    if (called != name) return false;
    found = value;
    return true;
  });
  return found;
}

std::string_view text_of(const config::HashKey& key, const Exchange& exchange) {
  using Kind = config::HashKey::Kind;
  const auto& request = exchange.request;
  auto parameters = [](auto text, auto visit) { return route::any_parameter(text, visit); };
  auto cookies = [](auto text, auto visit) { return route::any_cookie(text, visit); };
  switch (key.kind) {
    case Kind::Header:
      return request.headers.get(key.name);
    case Kind::Cookie:
      return first_called(key.name, request.headers.get(Name::Cookie), cookies);
    case Kind::Query:
      return first_called(key.name, request.query(), parameters);
    case Kind::Path:
      return request.path();
    default:
      return {};
  }
}

}  // namespace

std::uint64_t hash_of(const config::HashKey& key, const Exchange& exchange) noexcept {
  if (key.kind == config::HashKey::Kind::Client) {
    return base::hash(exchange.link.client.ip_text());
  }
  auto text = text_of(key, exchange);
  return text.empty() ? by_chance() : base::hash(text);
}

}  // namespace cirque::control
