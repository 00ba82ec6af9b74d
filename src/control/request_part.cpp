#include "control/request_part.h"

#include "base/hash.h"
#include "base/random.h"
#include "route/parameters.h"

namespace cirque::control {
namespace {

using Kind = config::RequestPart::Kind;

std::uint64_t by_chance() noexcept {
  thread_local base::Random random;
  return random.next();
}

std::string_view header(const Request& request, const config::RequestPart& part) noexcept {
  return part.id == Name::Other ? request.headers.get(part.name) : request.headers.get(part.id);
}

std::string_view parameter(const Request& request, std::string_view wanted, Arena& arena) {
  std::string_view found;
  bool is_there =
      route::any_parameter(request.query(), [&](std::string_view name, std::string_view value) {
        found = value;
        return route::decodes_to(name, wanted);
      });
  if (!is_there) return {};
  if (found.find_first_of("%+") == found.npos) return found;
  auto* room = static_cast<char*>(arena.take(found.size(), 1));
  auto size = route::decode(found, {room, found.size()});
  return {room, size.value_or(0)};
}

}  // namespace

// Clients may send several lines (RFC 9113 8.2.3).
std::string_view cookie_of(const Request& request, std::string_view wanted) {
  if (!request.headers.has(Name::Cookie)) return {};
  std::string_view found;
  for (const Field& field : request.headers) {
    if (field.id != Name::Cookie) continue;
    bool is_there =
        route::any_cookie(field.value, [&](std::string_view name, std::string_view value) {
          found = value;
          return name == wanted;
        });
    if (is_there) return found;
  }
  return {};
}

std::string_view text_of(const config::RequestPart& part, Exchange& exchange) {
  const auto& request = exchange.request;
  switch (part.kind) {
    case Kind::Header:
      return header(request, part);
    case Kind::Cookie:
      return cookie_of(request, part.name);
    case Kind::Query:
      return parameter(request, part.name, exchange.arena);
    case Kind::Path:
      return request.path();
    case Kind::Method:
      return request.method_text;
    case Kind::Address:
    case Kind::Host:
    case Kind::Route:
    case Kind::Pool:
    case Kind::Listener:
      break;
  }
  return {};
}

std::uint64_t hash_of(const config::RequestPart& part, Exchange& exchange) {
  if (part.kind == Kind::Address) return base::hash(exchange.client_address().ip_text());
  auto text = text_of(part, exchange);
  return text.empty() ? by_chance() : base::hash(text);
}

}  // namespace cirque::control
