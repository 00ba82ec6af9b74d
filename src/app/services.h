#pragma once
// The services of a configuration as they run, and how one set of them becomes another while
// requests flow.
#include <memory>
#include <vector>

#include "config/model.h"
#include "loop/scope.h"
#include "net/resolver.h"
#include "proxy/engine.h"

namespace cirque::app {

// A name to listen on ("localhost:8080") is looked up when it is bound.
std::optional<Address> address_of(const config::HostPort& where);

// Lives on the steward's thread; engine and resolver outlive it.
class Services {
 public:
  Services(proxy::Engine& engine, net::Resolver& resolver);
  ~Services();

  struct Change {
    int added = 0, changed = 0, removed = 0, unchanged = 0;
  };

  // From now on these, by name. All or nothing: when something cannot be bound, the log says what,
  // and all stays as it is. What is the same before and after is not touched; of what changes, the
  // backends that stay keep their connections and their health; what goes ends its connections when
  // they have nothing to do.
  std::optional<Change> apply(const std::vector<config::Service>& wanted, const Timeouts& timeouts);

 private:
  struct Running;
  struct Move;

  Running* find(const std::string& name) const;
  std::optional<std::vector<Move>> bind_all(const std::vector<config::Service>& wanted);
  bool is_ours(const Address& address) const;
  Task<> bury();

  proxy::Engine& engine_;
  net::Resolver& resolver_;
  std::vector<std::unique_ptr<Running>> running_;  // in the order of the configuration
  std::vector<std::unique_ptr<Running>> leaving_;  // retired, until their last connection ends
  loop::Scope chores_;
};

}  // namespace cirque::app
