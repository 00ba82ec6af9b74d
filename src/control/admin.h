#pragma once
// What operators ask the process: /metrics, /healthz, /readyz, /debug/config, and from this machine
// GET /explain and POST /reload. An App like any other, on the steward.
#include <functional>
#include <string>

#include "cirque/app.h"
#include "proxy/engine.h"

namespace cirque::control {

class Admin final : public App {
 public:
  // Metrics: nothing but what watchers ask, for an address of their own.
  enum class Offer : std::uint8_t { All, Metrics };

  Admin(proxy::Engine& engine, Offer offer) noexcept : engine_(engine), offer_(offer) {}

  Step on_request(Exchange& exchange) override;

  struct Verdict {
    bool taken = false;
    std::string text;  // for people: what was found, and what has changed
  };

  // Called for GET /explain: why a request goes where it goes. 404: it goes nowhere.
  struct Told {
    int status = 404;
    std::string text;
  };

  std::function<Told(const Headers& fields)> on_explain = [](const Headers&) { return Told{}; };

  // Called for GET /debug/config: what is in use, as JSON.
  std::function<std::string()> on_report = [] { return std::string("{}\n"); };

  // Called for POST /reload, which waits for it.
  std::function<Verdict()> on_reload = [] { return Verdict{}; };

 private:
  Response* refuse_control(Exchange& exchange, Method method);
  Response& reload(Exchange& exchange);
  Response& explain(Exchange& exchange);
  Response& metrics(Exchange& exchange);
  Response& readiness(Exchange& exchange);

  proxy::Engine& engine_;
  const Offer offer_;
};

}  // namespace cirque::control
