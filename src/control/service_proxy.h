#pragma once
// A service of the configuration as an App: every request goes to the next healthy backend of its
// pool.
#include "cirque/app.h"
#include "upstream/pool.h"

namespace cirque::control {

class ServiceProxy final : public App {
 public:
  explicit ServiceProxy(upstream::Pool& pool) noexcept : pool_(pool) {}

  Task<Peer> choose(Exchange& exchange) override {
    auto& tried = exchange.slot<upstream::Tried>();
    auto* backend = pool_.choose(tried);
    if (!backend) return fail(nobody());
    return Peer{.address = {}, .name = {}, .backend = backend};
  }

 private:
  Error nobody() noexcept {
    bool unresolved = pool_.is_empty();
    return {.fault = Fault::NoPeer,
            .side = Side::Upstream,
            .status = 503,
            .reason = unresolved ? "upstream_dns_failed" : "no_healthy_backend"};
  }

  upstream::Pool& pool_;
};

}  // namespace cirque::control
