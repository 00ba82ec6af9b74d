#pragma once
// The files of a router for cells as they are written, before they are lowered: a table from
// routing keys to placements, and from placements to endpoints. Four shapes: endpoints alone
// (`cellEndpoints`), placements with settings of their own (`placements`), both of them, and an
// older draft with other names.
#include <deque>
#include <string>
#include <vector>

#include "config/options.h"

namespace cirque::config::cells {

struct Probe {
  std::string path = "/health";
  Duration interval = 10s;
  Duration timeout = 2s;
};

constexpr unsigned kFailures = 5;  // in a row, where nothing is said

struct Breaker {
  unsigned failures = kFailures;
  Duration timeout = 30s;
};

struct Retry {
  unsigned most = 0;  // 0: none
  Duration backoff = 25ms;
  Duration backoff_max = 1s;
};

struct Placement {
  std::string name;
  std::string url;
  std::string fallback;
  Probe probe;
  Breaker breaker;
  Retry retries;
  unsigned concurrency = 0;
  std::size_t body_bytes = 0;
};

struct Rate {
  std::string placement;
  std::string key;
  unsigned rps = 0;
  unsigned burst = 0;  // 0: a tenth of rps
};

struct File {
  std::string version;
  std::vector<TableEntry> table;
  std::vector<TableEntry> endpoints;
  std::deque<Placement> placements;
  std::string otherwise;
  std::deque<Rate> rates;
};

constexpr std::size_t kBodyMax = std::size_t{10} << 20;  // of a request, where nothing is said

// Their records are Files.
const Schema& schema();
const Schema& draft_schema();

}  // namespace cirque::config::cells
