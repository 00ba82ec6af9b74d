#pragma once
// What a proxy takes off a message and puts on it (RFC 9110 7.6): hop-by-hop fields off, Via and
// X-Forwarded-* on. In this order, so that no client can have our own fields removed.
#include <optional>
#include <span>

#include "cirque/address.h"
#include "cirque/http.h"

namespace cirque::http {

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

// Whom proxies in front of us have met: the last address of X-Forwarded-For that is not one of
// theirs, or the first when all are. Where something stands that is no address, nothing before it
// counts. None: there is none. RFC 7239 8.1 is about whom to believe.
std::optional<Address> client_told_by(std::span<const Network> trusted, const Headers& headers);

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
