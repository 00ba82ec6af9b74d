#include "app/daemon.h"

#include <memory>
#include <optional>
#include <vector>

#include "app/asides.h"
#include "app/background.h"
#include "app/configure_log.h"
#include "app/estate.h"
#include "app/explain.h"
#include "app/file_watch.h"
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
  options.watchdog_abort = model.server.watchdog_abort;
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

class Daemon {
 public:
  Daemon(const config::Model& model, const RunOptions& options)
      : model_(model),
        server_(options_of(model)),
        resolver_(server_.engine().steward_loop(), dns_servers_of(model)),
        asides_(server_.engine()),
        estate_(server_.engine(), resolver_),
        succession_({.engine = server_.engine(),
                     .estate = estate_,
                     .asides = asides_,
                     .load = options.load,
                     .path = options.path}) {
    asides_.equip = [this](control::Admin& admin) {
      admin.on_order = [this](auto& order) { return succession_.obey(order); };
      admin.on_report = [this] {
        const auto& in_use = succession_.in_use();
        return control::Admin::Report{in_use.json(), in_use.hash};
      };
      admin.on_explain = [this](const Headers& fields) { return explain(fields); };
    };
  }

  // False: something cannot be had, and the log says what.
  bool open(config::Loaded loaded, const RunOptions& options) {
    auto* access_log = server_.engine().access_log();
    if (access_log && !access_log->is_open()) {
      log::error("app", "cannot open the access log", {{"path", model_.logging.access.path}});
      return false;
    }
    auto how = options.is_last_known_good ? "last known good of " : "start ";
    return succession_.start(std::move(loaded), options.state_dir, how);
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
    server_.on_hangup = [this] { succession_.reload("SIGHUP"); };
    auto watch = watch_files();
    int status = server_.run();
    log::info("app", "stopped", {{"status", status}});
    return status;
  }

 private:
  std::unique_ptr<FileWatch> watch_files() {
    const auto& path = succession_.path();
    if (!model_.server.watch_config || path.empty()) return nullptr;
    auto watch = std::make_unique<FileWatch>(server_.engine().steward_loop(), path,
                                             [this] { succession_.reload("the file changed"); });
    if (!watch->is_watching()) log::warn("app", "cannot watch the file", {{"file", path}});
    return watch;
  }

  control::Admin::Told explain(const Headers& fields) {
    auto [asked, listener] = asked_of(fields);
    const auto& loaded = succession_.loaded();
    const auto& plan = *loaded.blueprint;
    auto question = config::Question::of(asked, plan.trusted_proxies);
    if (!question) return {422, question.error() + "\n"};
    const auto* lane = listener.empty() ? &plan.lanes.front() : plan.lane(listener);
    if (!lane) return {422, "there is no listener '" + listener + "'\n"};
    config::ExplainOptions options{
        .listener = listener, .look = [this](std::uint32_t pool) { return estate_.state(pool); }};
    auto text = config::explain_text(loaded.model, plan, **question, options);
    return {config::finds_route(*lane, **question) ? 200 : 404, std::move(text)};
  }

  const config::Model model_;  // that the process started with
  Server server_;
  net::Resolver resolver_;
  Asides asides_;
  Estate estate_;
  Succession succession_;
};

}  // namespace

int serve(config::Loaded loaded, const RunOptions& options) {
  std::optional<Background> background;
  if (options.daemon) background = Background::detach();
  if (!configure_log(loaded.model.logging)) return 1;
  Daemon daemon(loaded.model, options);
  if (!daemon.open(std::move(loaded), options)) return 1;
  return daemon.run(std::move(background));
}

}  // namespace cirque::app
