#include "upstream/retry_budget.h"

#include <algorithm>

namespace cirque::upstream {
namespace {

constexpr std::uint64_t word_of(std::uint32_t second, std::uint32_t count) noexcept {
  return static_cast<std::uint64_t>(second) << 32 | count;
}

constexpr std::uint32_t second_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word >> 32);
}

constexpr std::uint32_t count_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word);
}

// One is added, so that no second is the 0 with which everything begins, and the window never
// reaches below it.
std::uint32_t second_of(Time now) noexcept {
  auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, seconds)) + 1;
}

constexpr bool is_in_window(std::uint64_t word, std::uint32_t last) noexcept {
  return second_of(word) <= last && last - second_of(word) < RetryBudget::kWindowSeconds;
}

}  // namespace

void RetryBudget::set_policy(const RetryPolicy& policy) noexcept {
  percent_.store(policy.percent, std::memory_order_relaxed);
  per_second_.store(policy.per_second, std::memory_order_relaxed);
}

void RetryBudget::count_requests(Time now, std::uint32_t count) noexcept {
  auto second = second_of(now);
  auto& place = requests_[second % kRing];
  auto word = place.load(std::memory_order_relaxed);
  while (second_of(word) < second) {
    if (place.compare_exchange_weak(word, word_of(second, count), std::memory_order_relaxed))
      return;
  }
  // Should the place have gone over to a later second meanwhile, they count in that one.
  place.fetch_add(count, std::memory_order_relaxed);
}

// A retry is allowed by the sum of two things: past seconds, which do not change any more, and the
// running one, in `current_`. If that word is still the same when it is replaced, then nobody has
// taken a retry since the sum was made, and the sum was right.
bool RetryBudget::take(Time now) noexcept {
  auto current = current_.load(std::memory_order_acquire);
  while (true) {
    auto second = std::max(second_of(now), second_of(current));  // no clock takes it back
    if (taken(current, second) >= allowed(second)) return false;
    bool goes_on = second == second_of(current);
    if (!goes_on) settle(current);
    auto wanted = goes_on ? current + 1 : word_of(second, 1);
    if (current_.compare_exchange_weak(current, wanted, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      return true;
    }
  }
}

std::uint64_t RetryBudget::left(Time now) const noexcept {
  auto current = current_.load(std::memory_order_acquire);
  auto second = std::max(second_of(now), second_of(current));
  auto most = allowed(second);
  return most - std::min(most, taken(current, second));
}

std::uint64_t RetryBudget::allowed(std::uint32_t second) const noexcept {
  std::uint64_t requests = 0;
  for (const auto& place : requests_) {
    auto word = place.load(std::memory_order_relaxed);
    if (is_in_window(word, second)) requests += count_of(word);
  }
  std::uint64_t percent = percent_.load(std::memory_order_relaxed);
  std::uint64_t per_second = per_second_.load(std::memory_order_relaxed);
  return requests * percent / 100 + per_second * kWindowSeconds;
}

std::uint64_t RetryBudget::taken(std::uint64_t current, std::uint32_t second) const noexcept {
  std::uint64_t retries = is_in_window(current, second) ? count_of(current) : 0;
  for (const auto& place : past_) {
    auto word = place.load(std::memory_order_relaxed);
    // Somebody may have settled the running second and then not been the one to leave it.
    bool has_passed = second_of(word) < second_of(current);
    if (has_passed && is_in_window(word, second)) retries += count_of(word);
  }
  return retries;
}

// Writes down what the second of `current` has come to, before another begins. Whoever is late,
// with a count that is no longer true or a second that is long over, changes nothing: in every
// place words only grow, and the count with which `current_` leaves a second is its greatest.
void RetryBudget::settle(std::uint64_t current) noexcept {
  auto& place = past_[second_of(current) % kRing];
  auto word = place.load(std::memory_order_relaxed);
  while (word < current && !place.compare_exchange_weak(word, current, std::memory_order_relaxed)) {
  }
}

}  // namespace cirque::upstream
