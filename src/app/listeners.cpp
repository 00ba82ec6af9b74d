#include "app/listeners.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"

namespace cirque::app {

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

struct Listeners::Running {
  Running(const config::LanePlan& plan, std::size_t number, proxy::Engine& engine)
      : name(plan.name),
        address(plan.address),
        lane(number),
        app(number),
        site(engine.add_site(plan.name, app, Stations::of<control::Gateway>())) {}

  std::string name;
  config::HostPort address;
  std::size_t lane;  // its place in the routing
  control::Gateway app;
  proxy::Site& site;
  std::shared_ptr<const control::Lane> serves = {};  // what is there now
  Address bound = {};
  Address left = {};  // where it listened before it moved to `bound`
};

Listeners::Listeners(proxy::Engine& engine) : engine_(engine) {}

Listeners::~Listeners() = default;

std::uint32_t Listeners::connections(std::string_view name) const {
  const auto* running = find(name);
  return running ? running->site.connections.load(std::memory_order_relaxed) : 0;
}

Listeners::Running* Listeners::find(std::string_view name) const {
  auto found = std::ranges::find_if(running_, [&](auto& r) { return r->name == name; });
  return found == running_.end() ? nullptr : found->get();
}

// Also where we have just left: the last worker may be about to close its listener.
bool Listeners::is_ours(const Address& address) const {
  auto is_there = [&](auto& r) { return r->bound == address || r->left == address; };
  return std::ranges::any_of(running_, is_there) || std::ranges::any_of(leaving_, is_there);
}

std::expected<Listeners::Move, std::string> Listeners::prepare(const config::Blueprint& wanted) {
  Move move;
  std::string told;
  auto complain = [&](const config::LanePlan& plan, std::string_view what, std::string_view error) {
    log::error("app", what,
               {{"service", plan.name},
                {"address", plan.address.text},
                {"error", error},
                {"reason", "listen_failed"}});
    told += fmt::format("{} {}: {}: {}\n", plan.name, plan.address.text, what, error);
  };
  for (const auto& plan : wanted.lanes) {
    auto& step = move.emplace_back(&plan, find(plan.name), std::nullopt);
    if (step.running && step.running->address == plan.address) continue;
    auto address = address_of(plan.address);
    if (!address) {
      complain(plan, "cannot listen: the name does not resolve", plan.address.host);
      continue;
    }
    using enum proxy::Engine::Owner;
    auto bound =
        engine_.bind(*address, proxy::Engine::Where::Workers, is_ours(*address) ? Ours : Nobody);
    if (bound) {
      step.bound = std::move(*bound);
    } else {
      complain(plan, "cannot listen", strerror(bound.error().sys));
    }
  }
  if (!told.empty()) return std::unexpected(std::move(told));
  return move;
}

// The smallest number that nobody has: routings stay as long as there are listeners.
std::size_t Listeners::free_lane() const {
  auto is_taken = [&](std::size_t lane) {
    auto has = [&](auto& r) { return r && r->lane == lane; };
    return std::ranges::any_of(running_, has) || std::ranges::any_of(leaving_, has);
  };
  std::size_t lane = 0;
  while (is_taken(lane)) ++lane;
  return lane;
}

void Listeners::assign(Move& move, std::vector<std::shared_ptr<const control::Lane>> lanes) {
  for (std::size_t i = 0; i < move.size(); ++i) {
    auto& step = move[i];
    if (!step.running) {
      step.running =
          running_.emplace_back(std::make_unique<Running>(*step.plan, free_lane(), engine_)).get();
    }
    step.running->serves = std::move(lanes[i]);
  }
}

std::shared_ptr<control::Routing> Listeners::routing() const {
  auto routing = std::make_shared<control::Routing>();
  auto place = [&](const auto& running) {
    if (routing->lanes.size() <= running->lane) routing->lanes.resize(running->lane + 1);
    routing->lanes[running->lane] = running->serves;
  };
  std::ranges::for_each(running_, place);
  std::ranges::for_each(leaving_, place);
  return routing;
}

Listeners::Change Listeners::commit(Move move) {
  Change change;
  std::vector<Running*> wanted;
  for (auto& step : move) {
    Running& running = *step.running;
    wanted.push_back(&running);
    running.address = step.plan->address;
    if (!step.bound) {
      ++change.unchanged;
      continue;
    }
    auto old = std::exchange(running.bound, step.bound->address);
    bool is_new = old.family() == Address::Family::None;
    running.left = old;
    auto text = running.bound.text();
    log::info("app", "listening", {{"service", running.name}, {"address", text}});
    engine_.open(std::move(*step.bound), running.site);
    if (!is_new) engine_.unlisten(running.site, old);
    ++(is_new ? change.added : change.moved);
  }
  auto stays = [&](auto& r) { return std::ranges::find(wanted, r.get()) != wanted.end(); };
  auto gone = std::partition(running_.begin(), running_.end(), stays);
  for (auto it = gone; it != running_.end(); ++it) {
    log::info("app", "service leaves", {{"service", (*it)->name}});
    engine_.unlisten((*it)->site, (*it)->bound);
    engine_.retire((*it)->site);
    leaving_.push_back(std::move(*it));
    ++change.removed;
  }
  running_.erase(gone, running_.end());
  if (!leaving_.empty() && chores_.running() == 0) chores_.spawn(bury());
  return change;
}

Task<> Listeners::bury() {
  while (!leaving_.empty()) {
    co_await engine_.steward_loop().sleep(1s);
    auto gone = std::erase_if(leaving_, [this](auto& r) {
      bool is_gone = proxy::Engine::is_gone(r->site);
      if (is_gone) engine_.remove(r->site);
      return is_gone;
    });
    if (gone) on_gone();
  }
  co_return done;
}

}  // namespace cirque::app
