#include "control/admin.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/text.h"
#include "net/socket_owner.h"

namespace cirque::control {

namespace {

constexpr std::string_view kOrders[] = {"/reload", "/apply", "/rollback", "/confirm",
                                        "/plan",   "/drain", "/draining", "/undrain"};

bool is_order(std::string_view path) {
  return std::ranges::find(kOrders, path) != std::end(kOrders);
}

// Who lets a proxy of this machine speak for him may be anywhere.
bool is_passed_on(const Headers& fields) {
  return fields.has(Name::XForwardedFor) || fields.has(Name::Forwarded) || fields.has(Name::Via);
}

// A name that somebody else's name server has pointed here makes a browser take his pages and us
// for one site, which may send any field. An address, or no Host at all, is nobody's name.
bool is_our_name(std::string_view authority) {
  bool is_bracketed = authority.starts_with('[');
  auto host = authority.substr(0, is_bracketed ? authority.find(']') + 1 : authority.find(':'));
  return host.empty() || base::equal_fold(host, "localhost") || Address::parse_ip(host, 0);
}

}  // namespace

Step Admin::on_request(Exchange& exchange) {
  const auto& request = exchange.request;
  auto path = request.path();
  bool takes_orders = offer_ == Offer::All;
  if (takes_orders && is_order(path)) return obey(exchange);
  if (takes_orders && path == "/explain") return explain(exchange);
  if (request.method != Method::Get && request.method != Method::Head) {
    auto& refusal = exchange.answer(405, "only GET and HEAD\n");
    refusal.headers.add(Name::Allow, "GET, HEAD");
    return refusal;
  }
  if (path == "/metrics") return metrics(exchange);
  if (path == "/healthz") return exchange.answer(200, "ok\n");
  if (path == "/readyz") return readiness(exchange);
  if (takes_orders && path == "/debug/config") return report(exchange);
  return exchange.answer(404, "here are /metrics, /healthz and /readyz\n");
}

Response& Admin::report(Exchange& exchange) {
  auto report = on_report();
  auto tag = std::string("\"").append(report.hash).append("\"");
  auto wanted = exchange.request.headers.get("If-Match");
  if (!wanted.empty() && wanted != tag && wanted != "*") {
    return exchange.answer(412, "another configuration is in use\n");
  }
  auto& answer = exchange.answer(200, report.text, "application/json");
  answer.headers.add(Name::ETag, tag);
  return answer;
}

// From this machine alone. A browser that somebody has led here from another site cannot send the
// field without asking first, which nobody answers. Null: it may.
Response* Admin::refuse_control(Exchange& exchange, Method method) {
  const auto& request = exchange.request;
  if (request.method != method) {
    auto wanted = method == Method::Post ? "POST" : "GET";
    auto& refusal = exchange.answer(405, std::string("only ") + wanted + "\n");
    refusal.headers.add(Name::Allow, wanted);
    return &refusal;
  }
  bool is_local =
      exchange.link.client.is_loopback() || exchange.link.client.family() == Address::Family::Unix;
  is_local = is_local && !is_passed_on(request.headers);
  if (!is_local) return &exchange.answer(403, "only from this machine\n");
  if (!is_our_name(request.authority)) {
    return &exchange.answer(403, "the field Host is neither localhost nor an address\n");
  }
  if (!request.headers.has("X-Cirque-Control")) {
    return &exchange.answer(403, "the field X-Cirque-Control is missing\n");
  }
  if (!may_order(exchange)) {
    return &exchange.answer(403, "orders are for root and the user that cirque runs as\n");
  }
  return nullptr;
}

// Who may open a unix socket is for the rights of its file to say.
bool Admin::may_order(const Exchange& exchange) {
  const auto& client = exchange.link.client;
  if (!client.is_ip()) return true;
  auto user = net::owner_of(client, exchange.local_address());
  return user && (*user == 0 || *user == ::geteuid()) && exchange.is_connected();
}

Step Admin::obey(Exchange& exchange) {
  if (auto* refusal = refuse_control(exchange, Method::Post)) co_return *refusal;
  const auto& request = exchange.request;
  std::string body;
  for (bool last = !request.body; !last;) {
    auto piece = co_await request.body->next();
    if (!piece) co_return fail(piece.error());
    body += piece->data;
    last = piece->last;
    if (body.size() > kOrderBytesMax) co_return exchange.answer(413, "this is too large\n");
  }
  auto told = co_await ok(
      on_order({.name = request.path().substr(1), .fields = request.headers, .body = body}));
  co_return exchange.answer(told.status, told.text);
}

Response& Admin::explain(Exchange& exchange) {
  if (auto* refusal = refuse_control(exchange, Method::Get)) return *refusal;
  auto told = on_explain(exchange.request.headers);
  return exchange.answer(told.status, told.text);
}

Response& Admin::metrics(Exchange& exchange) {
  return exchange.answer(200, engine_.registry().expose(),
                         "text/plain; version=0.0.4; charset=utf-8");
}

Response& Admin::readiness(Exchange& exchange) {
  if (engine_.is_ready()) return exchange.answer(200, "ready\n");
  return exchange.answer(503, engine_.is_stopping() ? "draining\n" : "starting\n");
}

}  // namespace cirque::control
