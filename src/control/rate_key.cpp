#include "control/rate_key.h"

#include <bit>
#include <cstring>

#include "control/request_part.h"
#include "route/host_name.h"

namespace cirque::control {
namespace {

using Kind = config::RequestPart::Kind;

// The first `bits` bits of eight bytes.
std::uint64_t leading(const std::uint8_t* bytes, unsigned bits) noexcept {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  if constexpr (std::endian::native == std::endian::little) word = std::byteswap(word);
  if (bits == 0) return 0;
  return bits < 64 ? word & ~std::uint64_t{0} << (64 - bits) : word;
}

// The first word has the family, and of an IPv4 address all of it. A unix socket's clients are one.
void add_address(base::KeyedHash& hash, const Address& address, const config::RatePlan& plan) {
  auto family = static_cast<std::uint64_t>(address.family());
  const std::uint8_t* bytes = address.ip().data();
  bool is_v4 = address.family() == Address::Family::V4;
  hash.add(is_v4 ? leading(bytes, plan.ipv4_prefix) | family : family);
  if (address.family() != Address::Family::V6) return;
  hash.add(leading(bytes, plan.ipv6_prefix));
  hash.add(leading(bytes + 8, plan.ipv6_prefix > 64 ? plan.ipv6_prefix - 64 : 0));
}

void add_part(base::KeyedHash& hash, const config::RequestPart& part, const config::RatePlan& plan,
              const RateSubject& subject) {
  auto& [exchange, blueprint, lane, decision] = subject;
  switch (part.kind) {
    case Kind::Address:
      return add_address(hash, exchange.client_address(), plan);
    case Kind::Host:
      return hash.add(route::HostName(exchange.request.authority).text());
    case Kind::Route:
      return hash.add(decision.route ? decision.route->id : 0);
    case Kind::Pool: {
      bool has_pool = decision.kind == config::Decision::Kind::Forward;
      return hash.add(has_pool ? std::string_view(blueprint.pools[decision.index].name) : "");
    }
    case Kind::Listener:
      return hash.add(lane.name);
    case Kind::Header:
    case Kind::Cookie:
    case Kind::Query:
    case Kind::Path:
    case Kind::Method:
      return hash.add(text_of(part, exchange));
  }
}

}  // namespace

std::uint64_t rate_key(const config::RatePlan& plan, const base::HashKey& hash_key,
                       const RateSubject& subject) {
  if (plan.key.empty()) return 0;  // all are one
  base::KeyedHash hash(hash_key);
  for (const auto& part : plan.key) add_part(hash, part, plan, subject);
  return hash.finish();
}

}  // namespace cirque::control
