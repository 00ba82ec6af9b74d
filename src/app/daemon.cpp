#include "app/daemon.h"

#include <netdb.h>

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "app/background.h"
#include "app/notify.h"
#include "base/log.h"
#include "cirque/server.h"
#include "control/admin.h"
#include "control/service_proxy.h"
#include "net/resolver.h"
#include "proxy/engine.h"
#include "upstream/keeper.h"

namespace cirque::app {
namespace {

ServerOptions options_of(const config::Model& model) {
  ServerOptions options;
  options.workers = model.server.workers;
  options.pin_workers = model.server.pin_workers;
  options.backlog = model.server.backlog;
  options.congestion_control = model.server.congestion_control;
  options.trusted_proxies = model.server.trusted_proxies;
  options.timeouts = model.timeouts;
  options.limits = model.limits;
  const auto& access = model.logging.access;
  options.access_log = access.enabled;
  using Format = ServerOptions::LogFormat;
  options.log_format = access.format == config::AccessLog::Json   ? Format::Json
                       : access.format == config::AccessLog::Text ? Format::Text
                                                                  : Format::Combined;
  options.log_output = access.output;
  options.log_path = access.path;
  return options;
}

// A name to listen on ("localhost:8080") is looked up once, at the start, when waiting is harmless.
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

std::vector<upstream::Origin> origins_of(const config::Service& service) {
  std::vector<upstream::Origin> origins;
  for (const auto& u : service.upstreams) origins.push_back({u.text, u.host, u.port, u.address});
  return origins;
}

// One service of the configuration, with everything that keeps it true.
struct Service {
  Service(const config::Service& config, proxy::Engine& engine, net::Resolver& resolver,
          const Timeouts& timeouts)
      : pool(config.name),
        app(pool),
        keeper(engine.steward_loop(), resolver, engine.directory(), engine.registry(), pool,
               engine.registry().add_service(config.name),
               {.health = {.timeout = config.health_check.timeout,
                           .interval = config.health_check.interval,
                           .unhealthy_threshold = config.health_check.unhealthy_threshold,
                           .healthy_threshold = config.health_check.healthy_threshold},
                .dns_refresh = timeouts.dns_refresh}) {}

  upstream::Pool pool;
  control::ServiceProxy app;
  upstream::Keeper keeper;
};

template <class A>
bool listen(Server& server, const config::HostPort& where, A& app, const std::string& name,
            bool aside) {
  auto address = address_of(where);
  if (!address) {
    log::error("app", "cannot listen: the name does not resolve",
               {{"service", name}, {"address", where.text}});
    return false;
  }
  auto text = address->text();
  auto bound = aside ? server.listen_aside(text, app, name) : server.listen(text, app, name);
  if (!bound) {
    log::error("app", "cannot listen",
               {{"service", name},
                {"address", where.text},
                {"error", std::string_view(strerror(bound.error().sys))}});
    return false;
  }
  auto bound_text = bound->text();
  log::info("app", "listening", {{"service", name}, {"address", bound_text}});
  return true;
}

class Daemon {
 public:
  explicit Daemon(const config::Model& model)
      : model_(model),
        server_(options_of(model)),
        resolver_(server_.engine().steward_loop()),
        admin_(server_.engine()) {}

  // False: something cannot be bound, and the log says what.
  bool open() {
    auto* access_log = server_.engine().access_log();
    if (access_log && !access_log->is_open()) {
      log::error("app", "cannot open the access log", {{"path", model_.logging.access.path}});
      return false;
    }
    bool open = true;
    if (model_.metrics.enabled)
      open &= listen(server_, model_.metrics.listen, admin_, "admin", true);
    for (const auto& config : model_.services) {
      auto& service = *services_.emplace_back(
          std::make_unique<Service>(config, server_.engine(), resolver_, model_.timeouts));
      open &= listen(server_, config.bind, service.app, config.name, false);
      service.keeper.start(origins_of(config));
    }
    return open;
  }

  int run(std::optional<Background> background) {
    auto& engine = server_.engine();
    if (auto* access_log = engine.access_log()) {
      engine.registry().access_log_dropped = [access_log] { return access_log->dropped(); };
    }
    server_.on_ready = [&] {
      log::info("app", "ready",
                {{"workers", engine.workers()},
                 {"descriptors", engine.descriptor_limit()},
                 {"client_connections_max", engine.connections_max()}});
      notify("READY=1\nSTATUS=serving");
      if (background) background->ready();
    };
    server_.on_stopping = [] { notify("STOPPING=1\nSTATUS=draining"); };
    server_.on_reopen = [] { log::reopen(); };
    server_.on_hangup = [] {
      log::warn("app", "reload is not supported yet, the configuration stays as it is");
    };
    int status = server_.run();
    log::info("app", "stopped", {{"status", status}});
    return status;
  }

 private:
  const config::Model& model_;
  Server server_;
  net::Resolver resolver_;
  control::Admin admin_;
  std::vector<std::unique_ptr<Service>> services_;
};

bool configure_log(const config::Logging& logging) {
  log::Options options{.level = logging.level, .format = logging.format, .path = {}};
  if (logging.output == "file") options.path = logging.path;
  if (log::configure(options)) return true;
  log::error("app", "cannot open the log file", {{"path", logging.path}});
  return false;
}

}  // namespace

int serve(const config::Model& model, const RunOptions& options) {
  std::optional<Background> background;
  if (options.daemon) background = Background::detach();
  if (!configure_log(model.logging)) return 1;
  Daemon daemon(model);
  if (!daemon.open()) return 1;
  return daemon.run(std::move(background));
}

}  // namespace cirque::app
