#include "app/succession.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>

#include "app/configure_log.h"
#include "app/notify.h"
#include "app/touch.h"
#include "base/log.h"
#include "base/text.h"
#include "config/bundle.h"
#include "config/diff.h"
#include "config/replay.h"
#include "config/survey.h"
#include "config/values.h"

namespace cirque::app {
namespace {

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
  compare("server.state_dir", old.server.state_dir, now.server.state_dir);
  compare("server.versions_kept", old.server.versions_kept, now.server.versions_kept);
  compare("server.watchdog_abort", old.server.watchdog_abort, now.server.watchdog_abort);
  compare("server.backlog", old.server.backlog, now.server.backlog);
  compare("server.congestion_control", old.server.congestion_control,
          now.server.congestion_control);
  compare("logging.access", old.logging.access, now.logging.access);
  return keys;
}

void announce_reload() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  notify(("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us)).c_str());
}

std::string what_changed(const Estate::Change& change) {
  const auto& [listeners, pools] = change;
  log::info("app", "configuration reloaded",
            {{"listeners_added", listeners.added},
             {"listeners_moved", listeners.moved},
             {"listeners_removed", listeners.removed},
             {"pools_added", pools.added},
             {"pools_changed", pools.changed},
             {"pools_removed", pools.removed}});
  return fmt::format(
      "reloaded: listeners: {} added, {} moved, {} removed, {} as before; "
      "pools: {} added, {} changed, {} removed, {} as before\n",
      listeners.added, listeners.moved, listeners.removed, listeners.unchanged, pools.added,
      pools.changed, pools.removed, pools.unchanged);
}

constexpr Duration kTrialMax = 30 * 24h;  // nobody means longer, and sums with it stay sums

constexpr Duration kDrainMax = 24h;
constexpr Duration kTidyAfter = 1s;

control::Admin::Told stopping() {
  return {422, "cirque is stopping\n"};
}

std::string connections_text(std::uint32_t count) {
  return fmt::format("{} connection{}", count, count == 1 ? "" : "s");
}

// In whole seconds, for people.
std::string seconds(Duration duration) {
  return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

}  // namespace

Succession::Succession(Means means) : means_(std::move(means)) {}

bool Succession::start(config::Loaded first, const StateDir& state_dir, std::string_view how) {
  if (!versions_.open(state_dir, first.model.server.versions_kept)) return false;
  if (!put_to_use(first)) return false;
  loaded_ = std::move(first);
  number({.source = fmt::format("{}{}", how, means_.path), .note = {}});
  tidy_.arm(means_.engine.steward_loop().timers(), means_.engine.steward_loop().now() + kTidyAfter);
  return true;
}

void Succession::tidy_up() noexcept {
  reloads_.spawn(give_memory_back());
}

// Beside the steward: it looks through all that is free.
Task<> Succession::give_memory_back() {
  co_await aside_.run([] { return ::malloc_trim(0); });
  co_return done;
}

// Beside the steward, whose checks of health go on meanwhile.
auto Succession::load(std::string path, config::Files files) {
  return aside_.run([&load = means_.load, path = std::move(path), files = std::move(files)] {
    return load(path, files);
  });
}

Task<> Succession::reload_alone(std::string_view how) {
  co_await ok(reload_for(how));
  co_return done;
}

Task<Succession::Told> Succession::reload_for(std::string_view how) {
  if (means_.engine.is_stopping()) co_return stopping();
  if (means_.path.empty()) co_return refuse("there is no file to reload\n");
  announce_reload();
  auto next = co_await load(means_.path, config::system_files());
  auto told = follow(std::move(next), {.source = fmt::format("reload ({})", how), .note = {}});
  notify("READY=1\nSTATUS=serving");
  co_return told;
}

Task<Succession::Told> Succession::obey(const control::Admin::Order& order) {
  if (means_.engine.is_stopping()) return stopping();
  if (order.name == "reload") return reload_for("cirque reload");
  if (order.name == "apply") return apply(order);
  if (order.name == "plan") return plan(order);
  if (order.name == "rollback") return rollback(order);
  if (order.name == "confirm") return confirm();
  if (order.name == "drain") return drain(order);
  if (order.name == "draining") return draining(order);
  if (order.name == "undrain") return undrain(order);
  return Told{404, "there is no such order\n"};
}

Task<Succession::Told> Succession::apply(const control::Admin::Order& order) {
  auto sources = config::unpack(order.body);
  if (!sources) co_return Told{422, "this is no configuration\n"};
  auto patience = order.fields.get("X-Cirque-Confirm");
  auto wait = config::parse_duration(patience);
  bool is_trial = !patience.empty();
  if (is_trial && (!wait || *wait < 1s || *wait > kTrialMax)) {
    co_return Told{422, "confirm within 1s to 30d\n"};
  }

  auto path = order.fields.get("X-Cirque-Path");
  auto main = path.empty() ? sources->front().path : std::string(path);
  auto next = co_await load(main, config::files_of(std::move(*sources)));
  // What nobody has confirmed is nothing to come back to.
  auto before = std::make_unique<config::Loaded>(trial_.before ? *trial_.before : loaded_);
  auto told = follow(std::move(next), {.source = "apply " + main,
                                       .note = std::string(order.fields.get("X-Cirque-Note")),
                                       .is_trial = is_trial});
  if (told.status != 200) co_return told;
  if (!is_trial) co_return Told{200, told.text + remind_of_file()};
  auto& loop = means_.engine.steward_loop();
  trial_.before = std::move(before);
  trial_.arm(loop.timers(), loop.now() + *wait);
  co_return Told{200, told.text + fmt::format("on trial for {}: `cirque confirm` keeps it, or else "
                                              "what was in use before comes back\n",
                                              seconds(*wait))};
}

// What apply would do. Changes nothing.
Task<Succession::Told> Succession::plan(const control::Admin::Order& order) {
  auto sources = config::unpack(order.body);
  if (!sources) co_return Told{422, "this is no configuration\n"};
  auto path = order.fields.get("X-Cirque-Path");
  auto main = path.empty() ? sources->front().path : std::string(path);
  auto next = co_await load(main, config::files_of(std::move(*sources)));
  auto found = config::render(next.findings);
  if (!next.ok()) co_return Told{422, found + "this configuration would not be taken\n"};
  auto changes = config::diff(loaded_.model, next.model);
  std::string later;
  for (auto key : settled_at_start(loaded_.model, next.model)) {
    later += fmt::format("{}: the change takes effect with the next start\n", key);
  }
  auto replayed = config::replay(means_.estate.samples(), *loaded_.blueprint, *next.blueprint);
  co_return Told{200, found + config::render(changes, next.model) + later +
                          render(touched_by(*loaded_.blueprint, *next.blueprint,
                                            [this](std::string_view listener) {
                                              return means_.estate.connections(listener);
                                            })) +
                          config::render(replayed)};
}

Task<Succession::Told> Succession::rollback(const control::Admin::Order& order) {
  auto number = base::parse_number(order.fields.get("X-Cirque-Version"), INT64_MAX);
  if (!number) co_return Told{422, "to which version?\n"};
  auto version = versions_.get(*number);
  if (!version) co_return Told{422, version.error() + "\n"};
  auto files = config::files_of(version->sources);
  auto next = co_await load(version->sources.front().path, files);
  auto told =
      follow(std::move(next), {.source = fmt::format("rollback to {}", *number), .note = {}});
  if (told.status == 200) told.text += remind_of_file();
  co_return told;
}

Succession::Told Succession::confirm() {
  if (!trial_.before) return {422, "nothing waits to be confirmed\n"};
  trial_.disarm();
  trial_.before.reset();
  if (version_) versions_.confirm(*version_);
  log::info("app", "configuration confirmed", {});
  return {200, "confirmed\n" + remind_of_file()};
}

// By its id, or as its address is written.
std::string Succession::backend_named(const control::Admin::Order& order) const {
  auto name = order.fields.get("X-Cirque-Backend");
  const auto& backends = loaded_.model.backends;
  auto known = std::ranges::find(backends, name, &config::Backend::id);
  return known == backends.end() ? std::string(name) : known->address.text;
}

Succession::Told Succession::drain(const control::Admin::Order& order) {
  auto backend = backend_named(order);
  auto within = loaded_.model.timeouts.drain;
  if (auto text = order.fields.get("X-Cirque-Within"); !text.empty()) {
    auto given = config::parse_duration(text);
    if (!given || *given > kDrainMax) return {422, "drain within 0s to 1d\n"};
    within = *given;
  }
  if (!means_.estate.drains().begin(backend, within)) {
    return {422, fmt::format("no pool has the backend '{}'\n", backend)};
  }
  return {200, fmt::format("{} gets nothing new, and finishes what it has within {}\n{}", backend,
                           config::text_of(within), remind_of_last(backend))};
}

// Who has drained the last one may have meant another.
std::string Succession::remind_of_last(std::string_view backend) const {
  std::string notes;
  const auto& pools = loaded_.blueprint->pools;
  for (std::uint32_t number = 0; number < pools.size(); ++number) {
    const auto& [name, origins] = std::tie(pools[number].name, pools[number].origins);
    if (std::ranges::find(origins, backend, &upstream::Origin::text) == origins.end()) continue;
    auto serves = [](const auto& state) { return state.is_healthy && !state.drains; };
    if (std::ranges::any_of(means_.estate.state(number).origins, serves)) continue;
    notes += fmt::format("note: the pool '{}' has nobody else\n", name);
  }
  return notes;
}

Succession::Told Succession::undrain(const control::Admin::Order& order) {
  auto backend = backend_named(order);
  if (!means_.estate.drains().end(backend)) {
    return {422, fmt::format("'{}' is not drained by an order\n", backend)};
  }
  return {200, fmt::format("{} gets requests again\n", backend)};
}

// How far it is. 202: it goes on.
Succession::Told Succession::draining(const control::Admin::Order& order) {
  auto backend = backend_named(order);
  auto progress = means_.estate.drains().progress(backend);
  if (!progress) return {422, fmt::format("'{}' is not drained by an order\n", backend)};
  if (!progress->is_over) return {202, connections_text(progress->connections) + " open\n"};
  if (progress->cut == 0) return {200, "drained\n"};
  return {200, fmt::format("drained; {} cut\n", connections_text(progress->cut))};
}

// Nobody has confirmed.
void Succession::give_up() noexcept {
  auto before = std::move(trial_.before);
  if (!before || means_.engine.is_stopping()) return;
  log::warn("app", "not confirmed: back to what was in use before", {});
  follow(std::move(*before), {.source = "not confirmed", .note = {}});
}

// The new configuration as a whole, or the old one as it was.
Succession::Told Succession::follow(config::Loaded next, const Origin& origin) {
  if (means_.engine.is_stopping()) return stopping();
  for (const auto& finding : next.findings) tell(finding);
  auto found = config::render(next.findings);
  if (!next.ok()) return refuse(std::move(found));
  auto done = put_to_use(next);
  if (!done) return refuse(found + done.error());
  ++means_.engine.registry().reloads_taken;
  auto ended = end_trial();
  auto later = adopt(std::move(next));
  auto& loop = means_.engine.steward_loop();
  tidy_.arm(loop.timers(), loop.now() + kTidyAfter);
  return {200, found + ended + later + what_changed(done->change) + done->asides + number(origin)};
}

// All or nothing: listeners are bound by the estate, and before them where operators ask.
std::expected<Succession::Done, std::string> Succession::put_to_use(const config::Loaded& next) {
  auto in_use = InUse::now(next);
  auto asides = TRY(means_.asides.prepare(next.model));
  auto change = TRY(means_.estate.apply(next, in_use.json()));
  in_use_ = std::move(in_use);
  return Done{change, means_.asides.commit(std::move(asides))};
}

Succession::Told Succession::refuse(std::string why) {
  ++means_.engine.registry().reloads_refused;
  log::error("app", "the new configuration is not used, the old one stays", {});
  return {422, std::move(why) + "not reloaded: the old configuration stays as it was\n"};
}

// What of it has to wait for the next start, for people.
std::string Succession::adopt(config::Loaded next) {
  const auto& now = next.model;
  std::string later;
  for (auto key : settled_at_start(loaded_.model, now)) {
    log::warn("app", "this change takes effect with the next start", {{"key", key}});
    later += fmt::format("{}: the change takes effect with the next start\n", key);
  }
  configure_log(now.logging);
  loaded_ = std::move(next);
  return later;
}

// Gives what is in use its number, for people.
std::string Succession::number(const Origin& origin) {
  version_ = versions_.add(loaded_, origin);
  if (!version_) {
    return versions_.is_kept() ? "this configuration got no number: the log says why\n" : "";
  }
  log::info("app", "configuration in use", {{"version", *version_}, {"source", origin.source}});
  return fmt::format("this is version {}\n", *version_);
}

// When another configuration is in use than the file has.
std::string Succession::remind_of_file() const {
  if (means_.path.empty()) return {};
  auto on_disk = config::survey(means_.path).sources;
  auto same_text = [](const config::Source& a, const config::Source& b) {
    return a.text == b.text;
  };
  if (std::ranges::equal(on_disk, loaded_.sources, same_text)) return {};
  return fmt::format(
      "note: {} says something else, which counts again at the next reload or start\n",
      means_.path);
}

std::string Succession::end_trial() {
  if (!trial_.before) return {};
  trial_.disarm();
  trial_.before.reset();
  return "the configuration that was on trial is not waited for any more\n";
}

}  // namespace cirque::app
