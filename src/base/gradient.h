#pragma once
// How many requests a backend takes at once before they only wait for each other, found out from
// how long they take: the limit rises while answers are as quick as ever, and falls when they are
// not.
#include <atomic>
#include <cstdint>

#include "base/concurrency.h"
#include "cirque/clock.h"

namespace cirque::base {

struct GradientPolicy {
  std::uint32_t initial = 20;
  std::uint32_t min = 4;
  std::uint32_t max = 1000;
  // Answers may take so many times what a quick one takes before the limit falls.
  double tolerance = 1.5;
  double smoothing = 0.2;  // what one window counts for
  // How many may wait in the backend: what the limit rises by, in each window, before smoothing.
  std::uint32_t queue = 4;
  Duration window = 1s;
  std::uint32_t samples_min = 10;  // else the window goes on
  std::uint32_t probe_after = 30;  // windows of slow answers; zero: never
};

// What one window was like.
struct Window {
  double latency_us;        // on average
  std::uint32_t in_flight;  // at most
};

// The rule alone. A value.
//
//   limit -> limit * clamp(tolerance * quick / recent, 0.5, 1) + queue, smoothed
//
// It is that of Netflix's Gradient2, but for what a quick answer is. There it is an average over
// many windows, which in a steady overload rises with the limit, and the limit with it: a backend
// that takes 60 at once had 450 after 1,000 windows. Here it is what was measured when the limit
// was low enough: answers that have been slow for `probe_after` windows are believed to be slow for
// other reasons only if they are so at half the limit too, which is tried for two windows. Envoy
// does the same, all the time.
class Gradient {
 public:
  explicit Gradient(const GradientPolicy& policy) noexcept
      : policy_(policy), limit_(policy.initial) {}

  // The limit from now on.
  std::uint32_t learn(const Window& window) noexcept;

  // From now on; what was learned stays.
  void set_bounds(std::uint32_t min, std::uint32_t max) noexcept;

  std::uint32_t limit() const noexcept { return bounded(limit_); }

 private:
  enum class Probe : std::uint8_t { None, Settling, Measuring };

  std::uint32_t probe(double recent_us) noexcept;
  void adjust(double recent_us) noexcept;
  std::uint32_t bounded(double limit) const noexcept;

  GradientPolicy policy_;
  double limit_;
  double quick_us_ = 0;            // zero: not measured
  std::uint32_t slow_in_row_ = 0;  // windows
  Probe probe_ = Probe::None;
};

// A limit that finds its own size. Any thread; two atomic additions an answer, and once in a window
// whoever sees that it is over does the sum.
class AdaptiveLimit {
 public:
  // For `limit`, which outlives it; off, and the limit as it is.
  explicit AdaptiveLimit(ConcurrencyLimit& limit) noexcept : limit_(limit) {}

  AdaptiveLimit(ConcurrencyLimit& limit, const GradientPolicy& policy) : limit_(limit) {
    turn_on(policy);
  }

  // From one thread alone, which waits for whoever does a sum just then. Of a policy that changes
  // while it is on, only the bounds and the window count: what was learned stays.
  void turn_on(const GradientPolicy& policy) noexcept;
  // The limit stays as it is then; nobody changes it afterwards.
  void turn_off() noexcept;

  // A request was answered, or given up, after so long. One that failed at once should not be told:
  // it was quick for the wrong reason.
  void on_answer(Duration latency, Time now) noexcept;

 private:
  void close_window(Time now) noexcept;
  void stop_the_clock() noexcept;

  ConcurrencyLimit& limit_;
  std::atomic<std::uint32_t> samples_min_{0};
  alignas(64) std::atomic<std::uint64_t> samples_{0};  // see gradient.cpp
  std::atomic<std::uint32_t> in_flight_max_{0};
  std::atomic<Time> window_end_{Time::min()};  // kNever while somebody does the sum
  // Whoever does the sum, or has stopped the clock.
  bool is_on_ = false;
  Duration window_{};
  Gradient gradient_{{}};
};

}  // namespace cirque::base
