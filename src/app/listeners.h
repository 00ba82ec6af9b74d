#pragma once
// The listeners of the configuration as they run, and how one set of them becomes another while
// requests flow.
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/blueprint.h"
#include "control/gateway.h"
#include "loop/scope.h"
#include "proxy/engine.h"

namespace cirque::app {

// A name to listen on ("localhost:8080") is looked up when it is bound.
std::optional<Address> address_of(const config::HostPort& where);

// Lives on the steward's thread; the engine outlives it.
class Listeners {
 public:
  explicit Listeners(proxy::Engine& engine);
  ~Listeners();

  struct Change {
    int added = 0, moved = 0, removed = 0, unchanged = 0;
  };

  struct Running;

  // What one of the wanted listeners needs.
  struct Step {
    const config::LanePlan* plan;
    Running* running;                           // null: a new one
    std::optional<proxy::Engine::Bound> bound;  // it begins to listen there
  };

  using Move = std::vector<Step>;

  // Everything that these lanes need and that could fail, before anything is changed. Or a line for
  // each that could not be bound, as in the log, and nothing has happened.
  std::expected<Move, std::string> prepare(const config::Blueprint& wanted);

  // From now on these lanes, by step.
  void assign(Move& move, std::vector<std::shared_ptr<const control::Lane>> lanes);

  // The lanes of all listeners where their gateways look for them; those that are about to end
  // serve on with what they had.
  std::shared_ptr<control::Routing> routing() const;

  // The routing has been published: opens what is new, closes what is gone.
  Change commit(Move move);

  // Open ones of a listener, by its name.
  std::uint32_t connections(std::string_view name) const;

  // Called when listeners that left are gone for good, and their lanes are not needed any more.
  std::function<void()> on_gone = [] {};

 private:
  Running* find(std::string_view name) const;
  bool is_ours(const Address& address) const;
  std::size_t free_lane() const;
  Task<> bury();

  proxy::Engine& engine_;
  std::vector<std::unique_ptr<Running>> running_;
  std::vector<std::unique_ptr<Running>> leaving_;
  loop::Scope chores_;
};

}  // namespace cirque::app
