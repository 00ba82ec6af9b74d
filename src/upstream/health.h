#pragma once
// Active health: a TCP connect now and then, or a GET, to every backend of a pool. Runs on the
// steward; cores only read the verdict, in the backend's standing.
#include <functional>
#include <map>
#include <memory>

#include "base/random.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "upstream/backend.h"
#include "upstream/roll.h"

namespace cirque::net {
class Stream;
}

namespace cirque::upstream {

struct HealthPolicy {
  Duration timeout = 500ms;
  Duration interval = 5s;
  unsigned unhealthy_threshold = 1;  // failures in a row
  unsigned healthy_threshold = 1;    // successes in a row
  std::string path = {};             // to GET, for a 2xx; empty: connecting is enough
  std::string host = {};             // whom to ask for; empty: the backend's address
};

// What one backend's probes have come to. A value; it knows no time.
class HealthState {
 public:
  explicit HealthState(const HealthPolicy& policy, bool healthy = true) noexcept
      : policy_(policy), healthy_(healthy) {}

  // True: the verdict has changed.
  bool count(bool success) noexcept;

  bool is_healthy() const noexcept { return healthy_; }

  // A verdict is under way: look again soon.
  bool is_in_transition() const noexcept { return in_a_row_ > 0; }

 private:
  const HealthPolicy& policy_;
  bool healthy_;
  unsigned in_a_row_ = 0;  // probes that contradict the verdict
};

// The probes of one pool. Lives on the steward's loop.
class HealthChecks {
 public:
  // `reason` is a slug, empty for a success.
  using OnChange = std::function<void(const Seat&, bool healthy, std::string_view reason)>;

  HealthChecks(loop::Loop& loop, HealthPolicy policy, OnChange on_change)
      : loop_(loop), policy_(policy), on_change_(std::move(on_change)) {}

  // From now on exactly these are probed; what is new is probed at once and starts healthy.
  void watch(const std::vector<Seat>& seats);

  // Verdicts stay, and hold for the next probe what is wanted now.
  void set_policy(const HealthPolicy& policy) noexcept { policy_ = policy; }

 private:
  Task<> probe_forever(Seat seat);
  Task<> probe(const Backend& backend);
  Task<> ask(net::Stream& stream, const Backend& backend, Time deadline);
  Task<> read_out(net::Stream& stream);
  Duration until_next(bool is_in_transition) noexcept;

  loop::Loop& loop_;
  HealthPolicy policy_;
  OnChange on_change_;
  std::map<const Standing*, std::unique_ptr<loop::Scope>> probes_;
  base::Random random_;
};

}  // namespace cirque::upstream
