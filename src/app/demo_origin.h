#pragma once
// A small origin to try the proxy with: it says who it is and what it got.
#include <string>

#include "cirque/app.h"

namespace cirque::app {

// /health  200 ok                      /slow?ms=2000  answers after a while
// /fail?status=503  that status        /big?bytes=10000000  that many bytes
// anything else: an echo of the request as this origin received it
class DemoOrigin final : public App {
 public:
  explicit DemoOrigin(std::string name) : name_(std::move(name)) {}

  Step on_request(Exchange& exchange) override;

 private:
  Step echo(Exchange& exchange);
  Step slow(Exchange& exchange);
  Response& big(Exchange& exchange);
  Response& failing(Exchange& exchange);

  const std::string name_;
};

}  // namespace cirque::app
