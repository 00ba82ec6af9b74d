#include "cirque/server.h"

#include <csignal>

#include "base/log.h"
#include "loop/signals.h"
#include "proxy/engine.h"

namespace cirque {
namespace {

observe::AccessFormat format_of(ServerOptions::LogFormat format) {
  using Format = ServerOptions::LogFormat;
  switch (format) {
    case Format::Json:
      return observe::AccessFormat::Json;
    case Format::Text:
      return observe::AccessFormat::Text;
    case Format::Combined:
      return observe::AccessFormat::Combined;
    case Format::Cells:
      break;
  }
  return observe::AccessFormat::Cells;
}

observe::AccessLogOptions log_options(const ServerOptions& options) {
  observe::AccessLogOptions log;
  log.format = format_of(options.log_format);
  log.output = options.log_output;
  log.path = options.log_path;
  return log;
}

proxy::EngineOptions engine_options(ServerOptions options) {
  proxy::EngineOptions engine;
  if (options.access_log) engine.access_log = log_options(options);
  engine.workers = options.workers;
  engine.pin_workers = options.pin_workers;
  engine.backlog = options.backlog;
  engine.congestion_control = std::move(options.congestion_control);
  engine.trusted_proxies = std::move(options.trusted_proxies);
  engine.timeouts = options.timeouts;
  engine.limits = options.limits;
  engine.watchdog.abort = options.watchdog_abort;
  return engine;
}

constexpr auto kSignals = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1};

// Before the first thread starts: a signal must find nobody but the steward.
std::unique_ptr<proxy::Engine> make_engine(ServerOptions options) {
  std::signal(SIGPIPE, SIG_IGN);
  loop::block_signals(kSignals);
  return std::make_unique<proxy::Engine>(engine_options(std::move(options)));
}

}  // namespace

Server::Server(ServerOptions options) : engine_(make_engine(std::move(options))) {}

Server::~Server() = default;

Result<Address> Server::listen(std::string_view address, App& app, Stations stations,
                               std::string name, Thread thread) {
  auto parsed = TRY(Address::parse(address));
  auto where =
      thread == Thread::Worker ? proxy::Engine::Where::Workers : proxy::Engine::Where::Steward;
  auto& site = engine_->add_site(std::move(name), app, stations);
  return engine_->listen(parsed, site, where);
}

int Server::run() {
  bool forced = false;
  auto stop = [&](int signal) {
    bool second = engine_->is_stopping();
    forced |= second;
    log::info("proxy", second ? "stopping now" : "stopping, requests in progress may end",
              {{"signal", signal}});
    if (second) return engine_->stop_now();
    on_stopping();
    engine_->stop();
  };
  loop::Signals signals(engine_->steward_loop(), kSignals, [&](int signal) {
    if (signal == SIGHUP) return on_hangup();
    if (signal != SIGUSR1) return stop(signal);
    if (auto* access_log = engine_->access_log()) access_log->reopen();
    on_reopen();
  });
  engine_->on_ready = [this] { on_ready(); };
  engine_->run();
  return forced ? 2 : 0;
}

}  // namespace cirque
