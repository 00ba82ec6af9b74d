#pragma once
// What operators ask the process: /metrics, /healthz, /readyz. An App like any other, on the
// steward.
#include "cirque/app.h"
#include "proxy/engine.h"

namespace cirque::control {

class Admin final : public App {
 public:
  explicit Admin(proxy::Engine& engine) noexcept : engine_(engine) {}

  Step on_request(Exchange& exchange) override;

 private:
  Response& metrics(Exchange& exchange);
  Response& readiness(Exchange& exchange);

  proxy::Engine& engine_;
};

}  // namespace cirque::control
