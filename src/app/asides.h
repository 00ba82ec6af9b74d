#pragma once
// Where operators and watchers ask the process: admin.listen and metrics.listen. They come and go
// with the configuration, as listeners do.
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/model.h"
#include "control/admin.h"
#include "proxy/engine.h"

namespace cirque::app {

// Lives on the steward's thread, which answers; the engine outlives it.
class Asides {
 public:
  explicit Asides(proxy::Engine& engine);
  ~Asides();

  // Called for each one that comes to be, before anybody is answered there.
  std::function<void(control::Admin&)> equip = [](control::Admin&) {};

  struct Door;

  // What one of the wanted addresses needs.
  struct Step {
    config::HostPort where;
    control::Admin::Offer offer;
    Door* door;                                 // null: a new one
    std::optional<proxy::Engine::Bound> bound;  // it begins to listen there
    bool is_late = false;                       // only the next start can go there
  };

  using Move = std::vector<Step>;

  // Everything that could fail, before anything is changed. Or a line for each that could not be
  // bound, as in the log.
  std::expected<Move, std::string> prepare(const config::Model& wanted);

  // Listens at what is new, then no more at what is gone. What is new, for people.
  std::string commit(Move move);

 private:
  Door* find(const Step& step, const Move& move) const;
  Door* in_the_way(const Step& step, const Move& move) const;
  Door& open(Step& step);
  void close_all_but(const std::vector<const Door*>& wanted);
  void forget_gone();

  proxy::Engine& engine_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::vector<std::unique_ptr<Door>> leaving_;  // somebody is still connected there
};

}  // namespace cirque::app
