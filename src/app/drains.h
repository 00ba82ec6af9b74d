#pragma once
// Backends that operators have taken out of service: they get nothing new, finish what they have
// until a deadline, and what is left then is cut. It stays so until somebody undoes it, whatever
// the configuration says; the next start knows nothing of it.
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "app/pools.h"
#include "loop/scope.h"
#include "proxy/engine.h"

namespace cirque::app {

// Lives on the steward's thread; engine and pools outlive it.
class Drains {
 public:
  Drains(proxy::Engine& engine, Pools& pools) : engine_(engine), pools_(pools) {}

  // `backend` as the configuration writes its address. One that drains already gets the new
  // deadline. False: no pool lists it.
  bool begin(const std::string& backend, Duration within);
  // False: it is not drained by an order.
  bool end(const std::string& backend);

  struct Progress {
    std::uint32_t connections = 0;  // that are still open
    std::uint32_t cut = 0;          // that were, at the deadline
    bool is_over = false;
  };

  // None: it is not drained by an order.
  std::optional<Progress> progress(const std::string& backend) const;

  // A configuration is in use that may not list all of them: those are forgotten.
  void settle();

 private:
  struct Drain {
    Time until;
    Progress progress;
    loop::Scope watching;
  };

  // Both are of the map, and live as long as it runs.
  Task<> watch(const std::string& backend, Drain& drain);
  void cut(const std::string& backend, Drain& drain);

  proxy::Engine& engine_;
  Pools& pools_;
  std::map<std::string, Drain> drains_;
};

}  // namespace cirque::app
