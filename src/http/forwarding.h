#pragma once
// What a proxy takes off a message and puts on it (RFC 9110 7.6): hop-by-hop fields off, Via and
// X-Forwarded-* on. In this order, so that no client can have our own fields removed.
#include <optional>
#include <span>

#include "cirque/address.h"
#include "cirque/http.h"

namespace cirque::http {

// Not taken from a client: CGI would make one of X_Id and X-Id, and take the one for the other.
constexpr bool is_dropped(std::string_view name) noexcept {
  return name.contains('_');
}

// What a message's Connection field asked for.
struct Connection {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool te_trailers = false;           // "TE: trailers" was there
  std::string_view upgrade_protocol;  // the Upgrade field; empty unless `upgrade`
};

// Drops Connection and everything it names, Keep-Alive, Proxy-Connection, TE, Upgrade,
// Transfer-Encoding, HTTP2-Settings, Proxy-Authorization and Proxy-Authenticate. Content-Length
// stays: framing was judged before, the writers write their own. Refused (bad_connection_field,
// status 400, Side::Client): an element that is not a token, and the nomination of a field that
// decides where a message goes or ends (Host, Content-Length). Nominated end-to-end fields that
// others rely on (Authorization, Cookie, X-Forwarded-*, ...) stay: a client must not be able to
// take them away from the next hop.
Result<Connection> strip_hop_by_hop(Headers& headers);

// Of a request: what is its own hop's business goes, and the protocol that it wants to switch to is
// kept in Request::upgrade. After this it has just what routes are asked with.
Result<Connection> take_hop(Request& request);

// A request may still have a field of that name after this, if nothing else names it.
// X-Cirque-Explain is the proxy's own.
bool is_kept(std::string_view name) noexcept;

// Routes may ask for it: those, and Upgrade.
inline bool reaches_routes(std::string_view name) noexcept {
  return is_kept(name) || name_of(name) == Name::Upgrade;
}

// Whom proxies in front of us have met: the last address of X-Forwarded-For that is not one of
// theirs, or the first when all are. Where something stands that is no address, nothing before it
// counts. None: there is none. RFC 7239 8.1 is about whom to believe.
std::optional<Address> client_told_by(std::span<const Network> trusted, const Headers& headers);

bool is_in(std::span<const Network> networks, const Address& address) noexcept;

// Who asks, where that is not `peer` itself: whom it tells of, if it is one of the trusted.
std::optional<Address> client_behind(const Address& peer, std::span<const Network> trusted,
                                     const Headers& headers);

struct Hop {
  const Address& client;
  std::string_view scheme;
  bool client_is_trusted;  // its X-Forwarded-* are kept and appended to, others' are replaced
  std::string_view request_id;
};

// Sets Via, X-Forwarded-For, -Proto, -Host, X-Real-IP and X-Request-Id.
void add_forwarding(Request& request, const Hop& hop);
void add_via(Response& response);

}  // namespace cirque::http
