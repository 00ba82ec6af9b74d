#include "control/admin.h"

namespace cirque::control {

Step Admin::on_request(Exchange& exchange) {
  const auto& request = exchange.request;
  bool takes_orders = offer_ == Offer::All;
  if (takes_orders && request.path() == "/reload") return reload(exchange);
  if (takes_orders && request.path() == "/explain") return explain(exchange);
  if (request.method != Method::Get && request.method != Method::Head) {
    auto& refusal = exchange.answer(405, "only GET and HEAD\n");
    refusal.headers.add(Name::Allow, "GET, HEAD");
    return refusal;
  }
  auto path = request.path();
  if (path == "/metrics") return metrics(exchange);
  if (path == "/healthz") return exchange.answer(200, "ok\n");
  if (path == "/readyz") return readiness(exchange);
  if (takes_orders && path == "/debug/config")
    return exchange.answer(200, on_report(), "application/json");
  return exchange.answer(404, "here are /metrics, /healthz and /readyz\n");
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
  if (!is_local) return &exchange.answer(403, "only from this machine\n");
  if (!request.headers.has("X-Cirque-Control")) {
    return &exchange.answer(403, "the field X-Cirque-Control is missing\n");
  }
  return nullptr;
}

Response& Admin::reload(Exchange& exchange) {
  if (auto* refusal = refuse_control(exchange, Method::Post)) return *refusal;
  auto verdict = on_reload();
  return exchange.answer(verdict.taken ? 200 : 422, verdict.text);
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
