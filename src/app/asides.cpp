#include "app/asides.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "app/listeners.h"
#include "base/log.h"

namespace cirque::app {
namespace {

using Offer = control::Admin::Offer;

std::string_view name_of(Offer offer) noexcept {
  return offer == Offer::All ? "admin" : "metrics";
}

// By the configuration: who has no address for operators asks where the metrics are.
Asides::Move wanted_by(const config::Model& model) {
  Asides::Move wanted;
  bool is_apart = model.admin.is_apart();
  if (is_apart) wanted.push_back({model.admin.listen, Offer::All, nullptr, {}});
  if (model.metrics.enabled) {
    wanted.push_back({model.metrics.listen, is_apart ? Offer::Metrics : Offer::All, nullptr, {}});
  }
  return wanted;
}

bool is_taken(const Asides::Door* door, const Asides::Move& move) {
  return std::ranges::find(move, door, &Asides::Step::door) != move.end();
}

}  // namespace

struct Asides::Door {
  Door(proxy::Engine& engine, const Step& step)
      : where(step.where),
        app(engine, step.offer),
        site(
            engine.add_site(std::string(name_of(step.offer)), app, Stations::of<control::Admin>())),
        bound(step.bound->address) {}

  config::HostPort where;
  control::Admin app;
  proxy::Site& site;
  Address bound;
};

Asides::Asides(proxy::Engine& engine) : engine_(engine) {}

Asides::~Asides() = default;

// Where it is written like that, and best for the same; or, written otherwise, at that address. Two
// may be written alike: "127.0.0.1:0".
Asides::Door* Asides::find(const Step& step, const Move& move) const {
  Door* found = nullptr;
  for (const auto& door : doors_) {
    if (is_taken(door.get(), move) || door->where != step.where) continue;
    if (door->app.offer() == step.offer) return door.get();
    if (!found) found = door.get();
  }
  if (found) return found;
  auto address = address_of(step.where);
  auto there = std::ranges::find_if(doors_, [&](const auto& door) {
    return address && door->bound == *address && !is_taken(door.get(), move);
  });
  return there == doors_.end() ? nullptr : there->get();
}

// One of ours on the same port, such as 127.0.0.1:9090 where 0.0.0.0:9090 is wanted: it stays, as
// the other cannot be there before it has gone.
Asides::Door* Asides::in_the_way(const Step& step, const Move& move) const {
  auto address = address_of(step.where);
  for (const auto& door : doors_) {
    bool is_it = address && address->is_ip() && door->bound.is_ip() &&
                 door->bound.port() == address->port() && !is_taken(door.get(), move);
    if (is_it) return door.get();
  }
  return nullptr;
}

std::expected<Asides::Move, std::string> Asides::prepare(const config::Model& wanted) {
  auto move = wanted_by(wanted);
  std::string told;
  for (auto& step : move) {
    step.door = find(step, move);
    if (step.door) continue;
    auto address = address_of(step.where);
    auto bound = address ? engine_.bind(*address, proxy::Engine::Where::Steward)
                         : Result<proxy::Engine::Bound>(fail({.sys = EADDRNOTAVAIL}));
    if (bound) {
      step.bound = std::move(*bound);
      continue;
    }
    bool is_in_use = bound.error().sys == EADDRINUSE;
    step.door = is_in_use ? in_the_way(step, move) : nullptr;
    step.is_late = step.door != nullptr;
    if (step.is_late) continue;
    std::string_view error = strerror(bound.error().sys);
    log::error("app", "cannot listen",
               {{"service", name_of(step.offer)},
                {"address", step.where.text},
                {"error", error},
                {"reason", "listen_failed"}});
    told += fmt::format("{} {}: cannot listen: {}\n", name_of(step.offer), step.where.text, error);
  }
  if (!told.empty()) return std::unexpected(std::move(told));
  return move;
}

std::string Asides::commit(Move move) {
  std::string told;
  std::vector<const Door*> wanted;
  bool is_first = doors_.empty();
  for (auto& step : move) {
    auto& door = step.door ? *step.door : open(step);
    wanted.push_back(&door);
    if (!step.is_late) door.where = step.where;
    door.app.set_offer(step.offer);
    if (step.is_late) {
      told += fmt::format("{} stays at {}, which is in the way of {}, until the next start\n",
                          name_of(step.offer), door.bound.text(), step.where.text);
    }
    bool is_news = !step.door && !is_first;
    if (is_news) told += fmt::format("{} is at {} now\n", name_of(step.offer), door.bound.text());
  }
  close_all_but(wanted);
  forget_gone();
  return told;
}

Asides::Door& Asides::open(Step& step) {
  auto& door = *doors_.emplace_back(std::make_unique<Door>(engine_, step));
  equip(door.app);
  auto text = door.bound.text();
  log::info("app", "listening", {{"service", name_of(step.offer)}, {"address", text}});
  engine_.open(std::move(*step.bound), door.site);
  return door;
}

// Whoever waits for an answer gets it: the order that has led here may have come this way.
void Asides::close_all_but(const std::vector<const Door*>& wanted) {
  auto stays = [&](const auto& door) {
    return std::ranges::find(wanted, door.get()) != wanted.end();
  };
  auto gone = std::partition(doors_.begin(), doors_.end(), stays);
  for (auto it = gone; it != doors_.end(); ++it) {
    engine_.unlisten((*it)->site, (*it)->bound);
    engine_.retire((*it)->site);
    leaving_.push_back(std::move(*it));
  }
  doors_.erase(gone, doors_.end());
}

// With the next change: there are never many.
void Asides::forget_gone() {
  std::erase_if(leaving_, [this](const auto& door) {
    bool is_gone = proxy::Engine::is_gone(door->site);
    if (is_gone) engine_.remove(door->site);
    return is_gone;
  });
}

}  // namespace cirque::app
