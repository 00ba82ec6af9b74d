#pragma once
// What operators ask the process: /metrics, /healthz, /readyz, /debug/config; and from this machine
// GET /explain, and orders (POST): reload, apply, rollback, confirm, plan, drain, draining,
// undrain. An App like any other, on the steward.
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

  // For what is asked from then on.
  void set_offer(Offer offer) noexcept { offer_ = offer; }

  Offer offer() const noexcept { return offer_; }

  // As large as all files of a configuration together, and what a bundle adds.
  static constexpr std::size_t kOrderBytesMax = std::size_t{66} << 20;

  Step on_request(Exchange& exchange) override;

  struct Told {
    int status = 404;
    std::string text;  // for people
  };

  // Called for GET /explain: why a request goes where it goes. 404: it goes nowhere.
  std::function<Told(const Headers& fields)> on_explain = [](const Headers&) { return Told{}; };

  // What is in use, as JSON, and the hash of its files: its ETag, so that If-Match tells one
  // process from another (RFC 9110 13.1.1).
  struct Report {
    std::string text;
    std::string hash;
  };

  // Called for GET /debug/config.
  std::function<Report()> on_report = [] { return Report{"{}\n", {}}; };

  struct Order {
    std::string_view name;  // "reload"
    const Headers& fields;
    std::string_view body;
  };

  // Called for POST /NAME, which waits for it: whoever goes away before has not given the order.
  // 200: done; 202: under way; 422: refused; 404: there is no such order.
  std::function<Task<Told>(const Order&)> on_order = [](const Order&) { return Told{}; };

 private:
  Response* refuse_control(Exchange& exchange, Method method);
  static bool may_order(const Exchange& exchange);
  Step obey(Exchange& exchange);
  Response& explain(Exchange& exchange);
  Response& report(Exchange& exchange);
  Response& metrics(Exchange& exchange);
  Response& readiness(Exchange& exchange);

  proxy::Engine& engine_;
  Offer offer_;
};

}  // namespace cirque::control
