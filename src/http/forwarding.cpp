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

constexpr std::string_view kVia11 = "1.1 cirque";
constexpr std::string_view kVia10 = "1.0 cirque";

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

void put(Headers& headers, Name name, std::string_view value) {
  headers.drop(name);
  headers.add_view({text_of(name), value, name});
}

// A list that hops append to; several lines of it are one list (RFC 9110 5.3). Measured first, so
// that a hundred lines are copied once and not a hundred times.
void append_to(Headers& headers, Name name, std::string_view value) {
  if (!headers.has(name)) return put(headers, name, value);
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
  put(headers, name, {list, size});
}

// Fields that only a proxy in front of us may set, by any of the names in use.
bool speaks_for_proxies(const Field& field) noexcept {
  constexpr std::string_view kFamily = "x-forwarded-";
  if (field.id == Name::Forwarded) return true;
  if (field.id != Name::Other) return false;
  return base::equal_fold(field.name.substr(0, kFamily.size()), kFamily);
}

void drop_spoofed(Headers& headers) noexcept {
  for (const Field& field : headers) {
    if (speaks_for_proxies(field)) headers.drop_line(field);
  }
}

}  // namespace

Result<Connection> strip_hop_by_hop(Headers& headers) {
  Connection connection;
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

void add_forwarding(Request& request, const Hop& hop) {
  Headers& headers = request.headers;
  auto* ip_text = static_cast<char*>(headers.arena().take(Address::kIpTextMax, 1));
  std::string_view ip(ip_text, hop.client.write_ip(ip_text));
  bool keep = hop.client_is_trusted;
  if (!keep) drop_spoofed(headers);
  headers.drop("Proxy");  // CGI would make HTTP_PROXY of it
  append_to(headers, Name::Via, request.version == Version::Http10 ? kVia10 : kVia11);
  if (keep) {
    append_to(headers, Name::XForwardedFor, ip);
  } else {
    put(headers, Name::XForwardedFor, ip);
  }
  auto set_unless_kept = [&](Name name, std::string_view value) {
    if (!keep || !headers.has(name)) put(headers, name, value);
  };
  set_unless_kept(Name::XForwardedProto, hop.scheme);
  set_unless_kept(Name::XForwardedHost, request.authority);
  set_unless_kept(Name::XRealIp, ip);
  bool is_told =
      headers.count(Name::XRequestId) == 1 && headers.get(Name::XRequestId) == hop.request_id;
  if (!is_told) put(headers, Name::XRequestId, hop.request_id);
}

void add_via(Response& response) {
  append_to(response.headers, Name::Via, response.version == Version::Http10 ? kVia10 : kVia11);
}

}  // namespace cirque::http
