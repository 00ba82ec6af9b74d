#include "app/daemon.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <vector>

#include "app/background.h"
#include "app/estate.h"
#include "app/explain.h"
#include "app/file_watch.h"
#include "app/in_use.h"
#include "app/notify.h"
#include "base/log.h"
#include "cirque/server.h"
#include "control/admin.h"
#include "net/resolver.h"
#include "proxy/engine.h"

namespace cirque::app {
namespace {

ServerOptions::LogFormat log_format_of(config::AccessLog::Format format) {
  using Format = ServerOptions::LogFormat;
  switch (format) {
    case config::AccessLog::Json:
      return Format::Json;
    case config::AccessLog::Text:
      return Format::Text;
    case config::AccessLog::Combined:
      return Format::Combined;
    case config::AccessLog::Cells:
      break;
  }
  return Format::Cells;
}

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
  options.log_format = log_format_of(access.format);
  options.log_output = access.output;
  options.log_path = access.path;
  return options;
}

std::vector<Address> dns_servers_of(const config::Model& model) {
  std::vector<Address> servers;
  for (const auto& server : model.server.dns_servers) servers.push_back(*server.address);
  return servers;
}

bool configure_log(const config::Logging& logging) {
  log::Options options{.level = logging.level, .format = logging.format, .path = {}};
  if (logging.output == "file") options.path = logging.path;
  if (log::configure(options)) return true;
  log::error("app", "cannot open the log file", {{"path", logging.path}});
  return false;
}

void tell(const config::Finding& finding) {
  auto code = config::text_of(finding.code);
  std::initializer_list<log::Field> where = {
      {"code", code},         {"file", finding.file},
      {"line", finding.line}, {"column", finding.column},
      {"key", finding.path},  {"expected", finding.expected}};
  if (finding.severity == config::Severity::Error) {
    log::error("config", finding.message, where);
  } else {
    log::warn("config", finding.message, where);
  }
}

// Keys that are read when the process starts, and never again.
std::vector<std::string_view> settled_at_start(const config::Model& old, const config::Model& now) {
  std::vector<std::string_view> keys;
  auto compare = [&](std::string_view key, const auto& a, const auto& b) {
    if (!(a == b)) keys.push_back(key);
  };
  compare("server.workers", old.server.workers, now.server.workers);
  compare("server.pin_workers", old.server.pin_workers, now.server.pin_workers);
  compare("server.dns_servers", old.server.dns_servers, now.server.dns_servers);
  compare("server.watch_config", old.server.watch_config, now.server.watch_config);
  compare("server.backlog", old.server.backlog, now.server.backlog);
  compare("server.congestion_control", old.server.congestion_control,
          now.server.congestion_control);
  compare("admin.listen", old.admin.listen, now.admin.listen);
  compare("metrics.enabled", old.metrics.enabled, now.metrics.enabled);
  compare("metrics.listen", old.metrics.listen, now.metrics.listen);
  compare("logging.access", old.logging.access, now.logging.access);
  return keys;
}

class Daemon {
 public:
  Daemon(config::Loaded loaded, const RunOptions& options)
      : loaded_(std::move(loaded)),
        model_(loaded_.model),
        path_(options.path),
        reload_(options.reload),
        server_(options_of(model_)),
        resolver_(server_.engine().steward_loop(), dns_servers_of(model_)),
        admin_(server_.engine(), control::Admin::Offer::All),
        metrics_(server_.engine(), control::Admin::Offer::Metrics),
        estate_(server_.engine(), resolver_) {}

  // False: something cannot be bound, and the log says what.
  bool open() {
    auto* access_log = server_.engine().access_log();
    if (access_log && !access_log->is_open()) {
      log::error("app", "cannot open the access log", {{"path", model_.logging.access.path}});
      return false;
    }
    bool open = open_asides();
    return apply(loaded_) && open;
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
    server_.on_hangup = [this] { reload(); };
    admin_.on_reload = [this] { return reload(); };
    admin_.on_report = [this] { return in_use_.json(); };
    admin_.on_explain = [this](const Headers& fields) { return explain(fields); };
    std::optional<FileWatch> watch;
    if (model_.server.watch_config && reload_) {
      watch.emplace(engine.steward_loop(), path_, [this] { reload(); });
      if (!watch->is_watching()) log::warn("app", "cannot watch the file", {{"file", path_}});
    }
    int status = server_.run();
    log::info("app", "stopped", {{"status", status}});
    return status;
  }

 private:
  bool open_asides() {
    const auto& metrics = model_.metrics;
    if (!model_.admin.is_apart()) {
      return !metrics.enabled || open_aside(metrics.listen, admin_, "admin");
    }
    return open_aside(model_.admin.listen, admin_, "admin") &&
           (!metrics.enabled || open_aside(metrics.listen, metrics_, "metrics"));
  }

  bool open_aside(const config::HostPort& where, control::Admin& app, const char* name) {
    auto address = address_of(where);
    auto bound = address ? server_.listen_aside(address->text(), app, name)
                         : Result<Address>(fail({.sys = EADDRNOTAVAIL}));
    if (!bound) {
      log::error("app", "cannot listen",
                 {{"service", name},
                  {"address", where.text},
                  {"error", std::string_view(strerror(bound.error().sys))}});
      return false;
    }
    auto text = bound->text();
    log::info("app", "listening", {{"service", name}, {"address", text}});
    return true;
  }

  std::optional<Estate::Change> apply(const config::Loaded& loaded) {
    auto in_use = InUse::now(loaded);
    auto change = estate_.apply(loaded, in_use.json());
    if (change) in_use_ = std::move(in_use);
    return change;
  }

  // The new configuration as a whole, or the old one as it was.
  control::Admin::Verdict reload() {
    if (server_.engine().is_stopping()) return {false, "cirque is stopping\n"};
    if (!reload_) return refuse("there is no file to reload\n");
    announce_reload();
    auto loaded = reload_();
    for (const auto& finding : loaded.findings) tell(finding);
    auto found = config::render(loaded.findings);
    auto change = loaded.ok() ? apply(loaded) : std::nullopt;
    notify("READY=1\nSTATUS=serving");
    if (!change) return refuse(found);
    ++server_.engine().registry().reloads_taken;
    auto later = adopt(std::move(loaded));
    const auto& [listeners, pools] = *change;
    log::info("app", "configuration reloaded",
              {{"listeners_added", listeners.added},
               {"listeners_moved", listeners.moved},
               {"listeners_removed", listeners.removed},
               {"pools_added", pools.added},
               {"pools_changed", pools.changed},
               {"pools_removed", pools.removed}});
    return {true, found + later +
                      fmt::format(
                          "reloaded: listeners: {} added, {} moved, {} removed, {} as before; "
                          "pools: {} added, {} changed, {} removed, {} as before\n",
                          listeners.added, listeners.moved, listeners.removed, listeners.unchanged,
                          pools.added, pools.changed, pools.removed, pools.unchanged)};
  }

  control::Admin::Told explain(const Headers& fields) {
    auto [asked, listener] = asked_of(fields);
    auto question = config::Question::of(asked);
    if (!question) return {422, question.error() + "\n"};
    const auto& plan = *loaded_.blueprint;
    const auto* lane = listener.empty() ? &plan.lanes.front() : plan.lane(listener);
    if (!lane) return {422, "there is no listener '" + listener + "'\n"};
    config::ExplainOptions options{.listener = listener, .states = [this](std::uint32_t pool) {
                                     return estate_.states(pool);
                                   }};
    auto text = config::explain_text(model_, plan, **question, options);
    return {lane->router->match((*question)->facts()) ? 200 : 404, std::move(text)};
  }

  control::Admin::Verdict refuse(std::string why) {
    ++server_.engine().registry().reloads_refused;
    log::error("app", "the new configuration is not used, the old one stays", {});
    return {false, std::move(why) + "not reloaded: the old configuration stays as it was\n"};
  }

  static void announce_reload() {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    notify(("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us)).c_str());
  }

  // What of it has to wait for the next start, for people.
  std::string adopt(config::Loaded next) {
    const auto& now = next.model;
    std::string later;
    for (auto key : settled_at_start(model_, now)) {
      log::warn("app", "this change takes effect with the next start", {{"key", key}});
      later += fmt::format("{}: the change takes effect with the next start\n", key);
    }
    configure_log(now.logging);
    loaded_ = std::move(next);
    return later;
  }

  config::Loaded loaded_;
  const config::Model& model_;  // of what is loaded
  std::string path_;
  Reload reload_;
  Server server_;
  net::Resolver resolver_;
  control::Admin admin_;
  control::Admin metrics_;
  Estate estate_;
  InUse in_use_;
};

}  // namespace

int serve(config::Loaded loaded, const RunOptions& options) {
  std::optional<Background> background;
  if (options.daemon) background = Background::detach();
  if (!configure_log(loaded.model.logging)) return 1;
  Daemon daemon(std::move(loaded), options);
  if (!daemon.open()) return 1;
  return daemon.run(std::move(background));
}

}  // namespace cirque::app
