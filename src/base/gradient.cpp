#include "base/gradient.h"

#include <algorithm>
#include <thread>

namespace cirque::base {
namespace {

// The samples of a window in one word: the sum of microseconds above, how many below. No more than
// fit are taken: an average needs no more.
constexpr unsigned kCountBits = 20;
constexpr std::uint64_t kCountMask = (1ULL << kCountBits) - 1;
constexpr std::uint64_t kSamplesMax = kCountMask / 2;  // far from the end, as others may add too
constexpr std::uint64_t kLatencyMaxUs = 1ULL << 24;    // 16 s: however long, it is too long

std::uint64_t count_of(std::uint64_t samples) noexcept {
  return samples & kCountMask;
}

}  // namespace

std::uint32_t Gradient::learn(const Window& window) noexcept {
  auto recent = std::max(1.0, window.latency_us);
  if (probe_ != Probe::None) return probe(recent);
  if (quick_us_ == 0) quick_us_ = recent;
  // Not at once: now and then a window has only what is answered out of a cache.
  if (recent < quick_us_) quick_us_ += (recent - quick_us_) * policy_.smoothing;
  // A limit that nobody comes near says nothing, and must not rise for that.
  if (window.in_flight < limit_ / 2) return bounded(limit_);
  adjust(recent);
  bool is_slow = recent > quick_us_ * policy_.tolerance;
  slow_in_row_ = is_slow ? slow_in_row_ + 1 : 0;
  if (policy_.probe_after == 0 || slow_in_row_ < policy_.probe_after) return bounded(limit_);
  probe_ = Probe::Settling;
  return bounded(limit_ / 2);
}

void Gradient::adjust(double recent_us) noexcept {
  auto gradient = std::clamp(policy_.tolerance * quick_us_ / recent_us, 0.5, 1.0);
  auto wanted = limit_ * gradient + policy_.queue;
  limit_ += (wanted - limit_) * policy_.smoothing;
  limit_ = std::clamp<double>(limit_, policy_.min, policy_.max);
}

// In the first window there are still answers to requests from before.
std::uint32_t Gradient::probe(double recent_us) noexcept {
  if (probe_ == Probe::Settling) {
    probe_ = Probe::Measuring;
    return bounded(limit_ / 2);
  }
  probe_ = Probe::None;
  slow_in_row_ = 0;
  quick_us_ = recent_us;
  return bounded(limit_);
}

void Gradient::set_bounds(std::uint32_t min, std::uint32_t max) noexcept {
  policy_.min = min;
  policy_.max = max;
  limit_ = std::clamp<double>(limit_, min, max);
}

std::uint32_t Gradient::bounded(double limit) const noexcept {
  return static_cast<std::uint32_t>(std::clamp<double>(limit, policy_.min, policy_.max));
}

// No window ends until it runs again.
void AdaptiveLimit::stop_the_clock() noexcept {
  while (window_end_.exchange(kNever, std::memory_order_acquire) == kNever) {
    std::this_thread::yield();
  }
}

void AdaptiveLimit::turn_on(const GradientPolicy& policy) noexcept {
  stop_the_clock();
  if (is_on_) {
    gradient_.set_bounds(policy.min, policy.max);
  } else {
    gradient_ = Gradient(policy);
  }
  is_on_ = true;
  window_ = policy.window;
  samples_min_.store(policy.samples_min, std::memory_order_relaxed);
  samples_.store(0, std::memory_order_relaxed);
  limit_.set_limit(gradient_.limit());
  window_end_.store(Time::min(), std::memory_order_release);
}

void AdaptiveLimit::turn_off() noexcept {
  stop_the_clock();
  is_on_ = false;
  window_end_.store(Time::min(), std::memory_order_release);
}

void AdaptiveLimit::on_answer(Duration latency, Time now) noexcept {
  auto in_flight = limit_.in_use();
  auto most = in_flight_max_.load(std::memory_order_relaxed);
  while (most < in_flight &&
         !in_flight_max_.compare_exchange_weak(most, in_flight, std::memory_order_relaxed)) {
  }
  auto samples = samples_.load(std::memory_order_relaxed);
  if (count_of(samples) < kSamplesMax) {
    auto us = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
    auto bounded =
        std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(0, us)), kLatencyMaxUs);
    samples = samples_.fetch_add(bounded << kCountBits | 1, std::memory_order_relaxed);
  }
  if (now < window_end_.load(std::memory_order_relaxed)) return;
  if (count_of(samples) + 1 >= samples_min_.load(std::memory_order_relaxed)) close_window(now);
}

// One thread at a time: for the others the window has no end meanwhile.
void AdaptiveLimit::close_window(Time now) noexcept {
  auto end = window_end_.load(std::memory_order_relaxed);
  if (now < end || !window_end_.compare_exchange_strong(end, kNever, std::memory_order_acquire)) {
    return;
  }
  auto samples = samples_.exchange(0, std::memory_order_relaxed);
  auto in_flight = in_flight_max_.exchange(0, std::memory_order_relaxed);
  bool is_first = end == Time::min();  // what has no beginning is no window
  if (is_on_ && !is_first && count_of(samples) > 0) {
    auto sum = static_cast<double>(samples >> kCountBits);
    auto average = sum / static_cast<double>(count_of(samples));
    limit_.set_limit(gradient_.learn({.latency_us = average, .in_flight = in_flight}));
  }
  window_end_.store(now + window_, std::memory_order_release);
}

}  // namespace cirque::base
