#pragma once
// The last requests, as far as routing has looked at them, so that another configuration can be
// tried on them (`cirque plan`): method, host, path, who has connected and X-Forwarded-For, and
// those header fields, parameters and cookies that the configuration in use asks for. Of fields
// with secrets only what came of the routes' own tests: see config/secret_tests.h. Nothing else of
// a request is kept, and it never leaves the memory but for this.
#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "cirque/clock.h"
#include "cirque/exchange.h"
#include "config/replay.h"

namespace cirque::control {

using config::Sample;

// Any thread.
class Sampler {
 public:
  static constexpr std::size_t kKept = 1000;
  // Longer values are not kept, nor requests with a longer target or X-Forwarded-For.
  static constexpr std::size_t kTextMax = 512;
  // Of all kept fields of a request, with what it takes to keep them; clients send as many as they
  // like. What is beyond is left out.
  static constexpr std::size_t kFieldsMax = 4096;
  // A busy worker adds a hundred a second, a quiet one every request: it must cost nothing.
  static constexpr Duration kEvery = 10ms;
  static constexpr Duration kBurst = 1s;

  // Asked for every request. True: now offer() it.
  static bool is_due(Time now) noexcept {
    if (now < next_) return false;
    next_ = std::max(next_, now - kBurst) + kEvery;
    return true;
  }

  void offer(const Exchange& exchange, const config::Blueprint& blueprint,
             const config::LanePlan& lane);

  // The oldest first.
  std::vector<Sample> all() const;

 private:
  static inline thread_local constinit Time next_{};

  mutable std::mutex mutex_;
  std::vector<Sample> ring_;
  std::size_t next_place_ = 0;
};

}  // namespace cirque::control
