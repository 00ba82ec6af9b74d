#pragma once
// Why a request goes where it goes, in words: the decision of the workers' own code, with what was
// tried and what was missing.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/blueprint.h"
#include "config/failover.h"
#include "config/question.h"
#include "upstream/breaker.h"

namespace cirque::config {

// How a pool fares at this moment.
struct PoolState {
  std::vector<upstream::OriginState> origins;  // in the order of the pool's
  // Of its own breaker; none: it has none.
  std::optional<upstream::CircuitState> circuit;
  bool admits = true;     // that breaker lets the next request through
  bool is_empty = false;  // none of its names has an address yet
  bool has_healthy = false;
  bool is_cut = false;       // the breakers of all backends that are well are open
  std::uint32_t places = 0;  // requests under way, where it limits them
  std::uint32_t waiting = 0;
  std::optional<std::uint32_t> places_max = {};  // that it allows at this moment; none: any number
};

struct ExplainOptions {
  std::string listener;  // empty: the first
  // Of a pool, by its index; empty: nothing is known, as when the process is not asked.
  std::function<PoolState(std::uint32_t pool)> look = {};
};

// Ends with a line break. Quotes the request: for the one who sent it, or who runs the proxy.
std::string explain_text(const Model& model, const Blueprint& blueprint, const Question& question,
                         const ExplainOptions& options);

// It is not refused before anything is decided, and a route takes it.
bool finds_route(const LanePlan& lane, const Question& question);

// On one line, for a header field: "listener=web; virtual_host=shop; route=api; pool=web". Of a
// request that came to another pool than was decided, `arrival` says why.
std::string explain_line(const Blueprint& blueprint, const LanePlan& lane, const Decision& decision,
                         const Arrival* arrival = nullptr);

// That line of a request that got an error of the proxy's own, which it may tell already.
std::string with_error(std::string_view line, const Refusal& error);

}  // namespace cirque::config
