#include "app/services.h"

#include <netdb.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "control/service_proxy.h"
#include "upstream/keeper.h"

namespace cirque::app {
namespace {

std::vector<upstream::Origin> origins_of(const config::Service& service) {
  std::vector<upstream::Origin> origins;
  for (const auto& u : service.upstreams) origins.push_back({u.text, u.host, u.port, u.address});
  return origins;
}

upstream::KeeperSettings settings_of(const config::Service& service, const Timeouts& timeouts) {
  return {.health = {.timeout = service.health_check.timeout,
                     .interval = service.health_check.interval,
                     .unhealthy_threshold = service.health_check.unhealthy_threshold,
                     .healthy_threshold = service.health_check.healthy_threshold},
          .dns_refresh = timeouts.dns_refresh};
}

}  // namespace

std::optional<Address> address_of(const config::HostPort& where) {
  if (where.address) return where.address;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  auto port = std::to_string(where.port);
  if (getaddrinfo(where.host.c_str(), port.c_str(), &hints, &found) != 0) return std::nullopt;
  auto address = Address::from(found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return address;
}

// One service, with everything that keeps it true.
struct Services::Running {
  Running(const config::Service& c, proxy::Engine& engine, net::Resolver& resolver,
          const Timeouts& timeouts)
      : config(c),
        pool(c.name),
        app(pool),
        keeper(engine.steward_loop(), resolver, engine.directory(), engine.registry(), pool,
               engine.registry().add_service(c.name), settings_of(c, timeouts)),
        site(engine.add_site(c.name, app, Stations::of<control::ServiceProxy>())) {
    keeper.on_change = [&engine] { engine.forget_departed(); };
  }

  config::Service config;
  upstream::Pool pool;
  control::ServiceProxy app;
  upstream::Keeper keeper;
  proxy::Site& site;
  Address bound;
  Address left = {};  // where it listened before it moved to `bound`
};

// A service that begins to listen somewhere.
struct Services::Move {
  const config::Service* service;
  proxy::Engine::Bound bound;
};

Services::Services(proxy::Engine& engine, net::Resolver& resolver)
    : engine_(engine), resolver_(resolver) {}

Services::~Services() = default;

Services::Running* Services::find(const std::string& name) const {
  auto found = std::ranges::find_if(running_, [&](auto& r) { return r->config.name == name; });
  return found == running_.end() ? nullptr : found->get();
}

// Also where we have just left: the last worker may be about to close its listener.
bool Services::is_ours(const Address& address) const {
  auto is_there = [&](auto& r) { return r->bound == address || r->left == address; };
  return std::ranges::any_of(running_, is_there) || std::ranges::any_of(leaving_, is_there);
}

// Everything that will be needed, before anything is changed.
std::optional<std::vector<Services::Move>> Services::bind_all(
    const std::vector<config::Service>& wanted) {
  std::vector<Move> moves;
  bool all = true;
  for (const auto& service : wanted) {
    auto* known = find(service.name);
    if (known && known->config.bind == service.bind) continue;
    auto address = address_of(service.bind);
    if (!address) {
      log::error("app", "cannot listen: the name does not resolve",
                 {{"service", service.name}, {"address", service.bind.text}});
      all = false;
      continue;
    }
    using enum proxy::Engine::Owner;
    auto bound =
        engine_.bind(*address, proxy::Engine::Where::Workers, is_ours(*address) ? Ours : Nobody);
    if (bound) {
      moves.push_back({&service, std::move(*bound)});
      continue;
    }
    log::error("app", "cannot listen",
               {{"service", service.name},
                {"address", service.bind.text},
                {"error", std::string_view(strerror(bound.error().sys))}});
    all = false;
  }
  if (!all) return std::nullopt;
  return moves;
}

std::optional<Services::Change> Services::apply(const std::vector<config::Service>& wanted,
                                                const Timeouts& timeouts) {
  auto moves = bind_all(wanted);
  if (!moves) return std::nullopt;
  Change change;
  auto before = std::move(running_);
  running_.clear();
  for (const auto& service : wanted) {
    auto known =
        std::ranges::find_if(before, [&](auto& r) { return r && r->config.name == service.name; });
    if (known == before.end()) {
      auto& made =
          *running_.emplace_back(std::make_unique<Running>(service, engine_, resolver_, timeouts));
      made.keeper.start(origins_of(service));
      ++change.added;
      continue;
    }
    auto& kept = *running_.emplace_back(std::move(*known));
    bool same = kept.config == service;
    ++(same ? change.unchanged : change.changed);
    kept.keeper.update(origins_of(service), settings_of(service, timeouts));
    kept.config = service;
  }
  for (auto& move : *moves) {
    auto& service = *find(move.service->name);
    auto old = std::exchange(service.bound, move.bound.address);
    service.left = old;
    auto text = service.bound.text();
    log::info("app", "listening", {{"service", service.config.name}, {"address", text}});
    engine_.open(std::move(move.bound), service.site);
    if (old.family() != Address::Family::None) engine_.unlisten(service.site, old);
  }
  for (auto& gone : before) {
    if (!gone) continue;
    log::info("app", "service leaves", {{"service", gone->config.name}});
    engine_.unlisten(gone->site, gone->bound);
    engine_.retire(gone->site);
    leaving_.push_back(std::move(gone));
    ++change.removed;
  }
  if (!leaving_.empty() && chores_.running() == 0) chores_.spawn(bury());
  return change;
}

Task<> Services::bury() {
  while (!leaving_.empty()) {
    co_await engine_.steward_loop().sleep(1s);
    auto gone = std::erase_if(leaving_, [](auto& r) { return proxy::Engine::is_gone(r->site); });
    if (gone) engine_.forget_departed();
  }
  co_return done;
}

}  // namespace cirque::app
