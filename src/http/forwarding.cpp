#include "http/forwarding.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cirque::http {
namespace {

constexpr std::array kHopByHop = {
    Name::Connection,
    Name::KeepAlive,
    Name::ProxyConnection,
    Name::Te,
    Name::Upgrade,
    Name::TransferEncoding,
    Name::Http2Settings,
    Name::ProxyAuthenticate,
    Name::ProxyAuthorization,
};

// Fields of which a Connection field may not speak.
constexpr std::array kDecisive = {Name::Host, Name::ContentLength};
constexpr std::array kEndToEnd = {
    Name::Authorization, Name::Cookie,        Name::ContentType,    Name::ContentEncoding,
    Name::CacheControl,  Name::Date,          Name::Forwarded,      Name::SetCookie,
    Name::Via,           Name::XForwardedFor, Name::XForwardedHost, Name::XForwardedProto,
    Name::XRealIp,       Name::XRequestId,
};

template <std::size_t N>
bool contains(const std::array<Name, N>& names, Name name) noexcept {
  return std::ranges::find(names, name) != names.end();
}

// One element of a Connection field. False: it cannot be accepted.
bool nominate(Headers& headers, std::string_view element, Connection& connection) {
  if (!base::is_token(element)) return false;
  if (base::equal_fold(element, "close")) return connection.close = true;
  if (base::equal_fold(element, "keep-alive")) return connection.keep_alive = true;
  if (base::equal_fold(element, "upgrade")) return connection.upgrade = true;
  Name name = name_of(element);
  if (contains(kDecisive, name)) return false;
  if (!contains(kEndToEnd, name) && !contains(kHopByHop, name)) headers.drop(element);
  return true;
}

// A list that hops append to; several lines of it are one list (RFC 9110 5.3). Measured first, so
// that a hundred lines are copied once and not a hundred times.
std::string_view appended(Headers& headers, Name name, std::string_view value) {
  if (!headers.has(name)) return value;
  std::size_t size = value.size();
  for (const Field& field : headers) {
    if (field.id == name && !field.value.empty()) size += field.value.size() + 2;
  }
  auto* list = static_cast<char*>(headers.arena().take(size, 1));
  char* at = list;
  for (const Field& field : headers) {
    if (field.id != name || field.value.empty()) continue;
    at += field.value.copy(at, field.value.size());
    *at++ = ',';
    *at++ = ' ';
  }
  value.copy(at, value.size());
  return {list, size};
}

// Our own lines, written next to each other as they will be sent: copying them later is one copy.
class Lines {
 public:
  // `size`: at least what all lines will come to.
  Lines(Headers& headers, std::size_t size)
      : headers_(headers), at_(static_cast<char*>(headers.arena().take(size, 1))) {}

  // In place of every line of that name. `begin`: the name, a colon and a space.
  [[gnu::always_inline]] void put(Name name, std::string_view begin, std::string_view value) {
    const char* line = at_;
    at_ = base::put(at_, begin);
    const char* text = at_;
    at_ = base::put(base::put(at_, value), "\r\n");
    headers_.drop(name);
    headers_.add_view({{line, begin.size() - 2}, {text, value.size()}, name, true});
  }

 private:
  Headers& headers_;
  char* at_;
};

constexpr std::string_view kViaLine11 = "Via: 1.1 cirque\r\n";
constexpr std::string_view kViaLine10 = "Via: 1.0 cirque\r\n";
constexpr std::string_view kVia = "Via: ";

constexpr std::string_view via_line(Version version) noexcept {
  return version == Version::Http10 ? kViaLine10 : kViaLine11;
}

constexpr std::string_view via_value(Version version) noexcept {
  auto line = via_line(version);
  return line.substr(kVia.size(), line.size() - kVia.size() - 2);
}

// Fields that only a proxy in front of us may set, by any of the names in use.
bool speaks_for_proxies(const Field& field) noexcept {
  constexpr std::string_view kFamily = "x-forwarded-";
  if (field.id == Name::Forwarded) return true;
  if (field.id != Name::Other) return false;
  return base::equal_fold(field.name.substr(0, kFamily.size()), kFamily);
}

void drop_spoofed(Headers& headers) noexcept {
  constexpr std::array kSuspects = {Name::Forwarded, Name::Other};
  if (!headers.may_have(kSuspects)) return;
  for (const Field& field : headers) {
    if (speaks_for_proxies(field)) headers.drop_line(field);
  }
}

// With a port or without.
std::optional<Address> address_in(std::string_view element) {
  auto address = Address::parse_ip(element, 0);
  if (!address) address = Address::parse(element);
  if (!address || !address->is_ip()) return std::nullopt;
  return address->unmapped();
}

}  // namespace

Result<Connection> strip_hop_by_hop(Headers& headers) {
  Connection connection;
  if (!headers.may_have(kHopByHop)) return connection;
  if (headers.has(Name::Connection)) {
    bool acceptable = true;
    for (const Field& field : headers) {
      if (field.id != Name::Connection) continue;
      base::for_each_element(field.value, [&](std::string_view element) {
        acceptable &= nominate(headers, element, connection);
      });
    }
    if (!acceptable) {
      return fail({.fault = Fault::Malformed,
                   .side = Side::Client,
                   .status = 400,
                   .reason = "bad_connection_field"});
    }
  }
  if (connection.upgrade) {
    connection.upgrade_protocol = headers.get(Name::Upgrade);
    connection.upgrade = !connection.upgrade_protocol.empty();
  }
  connection.te_trailers = base::has_element(headers.get(Name::Te), "trailers");
  for (Name name : kHopByHop) headers.drop(name);
  return connection;
}

Result<Connection> take_hop(Request& request) {
  auto connection = TRY(strip_hop_by_hop(request.headers));
  // RFC 9110 7.8: in HTTP/1.0 it means nothing.
  if (connection.upgrade && request.version != Version::Http10) [[unlikely]] {
    request.upgrade = connection.upgrade_protocol;
  }
  return connection;
}

bool is_kept(std::string_view name) noexcept {
  Name id = name_of(name);
  return id != Name::XCirqueExplain && !contains(kHopByHop, id) && !is_dropped(name);
}

bool is_in(std::span<const Network> networks, const Address& address) noexcept {
  return std::ranges::any_of(networks, [&](const Network& n) { return n.contains(address); });
}

std::optional<Address> client_behind(const Address& peer, std::span<const Network> trusted,
                                     const Headers& headers) {
  if (!is_in(trusted, peer)) return std::nullopt;
  return client_told_by(trusted, headers);
}

std::optional<Address> client_told_by(std::span<const Network> trusted, const Headers& headers) {
  std::optional<Address> client;
  for (const Field& field : headers) {
    if (field.id != Name::XForwardedFor) continue;
    base::for_each_element(field.value, [&](std::string_view element) {
      auto address = address_in(element);
      bool is_proxy = address && is_in(trusted, *address);
      if (!is_proxy || !client) client = std::move(address);
    });
  }
  return client;
}

void add_forwarding(Request& request, const Hop& hop) {
  Headers& headers = request.headers;
  char ip_text[Address::kIpTextMax];
  std::string_view ip(ip_text, hop.client.write_ip(ip_text));
  bool keep = hop.client_is_trusted;
  if (!keep) drop_spoofed(headers);
  headers.drop(Name::Proxy);  // CGI would make HTTP_PROXY of it

  auto via = appended(headers, Name::Via, via_value(request.version));
  auto from = keep ? appended(headers, Name::XForwardedFor, ip) : ip;
  auto is_ours = [&](Name name) { return !keep || !headers.has(name); };
  bool is_told =
      headers.count(Name::XRequestId) == 1 && headers.get(Name::XRequestId) == hop.request_id;

  constexpr std::size_t kNamesMax = 160;  // with colons and ends
  Lines lines(headers, kNamesMax + via.size() + from.size() + hop.scheme.size() +
                           request.authority.size() + ip.size() + hop.request_id.size());
  lines.put(Name::Via, kVia, via);
  lines.put(Name::XForwardedFor, "X-Forwarded-For: ", from);
  if (is_ours(Name::XForwardedProto)) {
    lines.put(Name::XForwardedProto, "X-Forwarded-Proto: ", hop.scheme);
  }
  if (is_ours(Name::XForwardedHost)) {
    lines.put(Name::XForwardedHost, "X-Forwarded-Host: ", request.authority);
  }
  if (is_ours(Name::XRealIp)) lines.put(Name::XRealIp, "X-Real-IP: ", ip);
  if (!is_told) lines.put(Name::XRequestId, "X-Request-Id: ", hop.request_id);
}

void add_via(Response& response) {
  Headers& headers = response.headers;
  auto line = via_line(response.version);
  std::string_view name = line.substr(0, kVia.size() - 2);
  bool is_first = !headers.has(Name::Via);
  auto value = is_first ? line.substr(kVia.size(), line.size() - kVia.size() - 2)
                        : appended(headers, Name::Via, via_value(response.version));
  headers.drop(Name::Via);
  headers.add_view({name, value, Name::Via, is_first});
}

}  // namespace cirque::http
