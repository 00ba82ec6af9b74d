#include "base/rate_limiter.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "base/rate_bucket.h"

namespace cirque::base {
namespace {

constexpr int kAttemptsMax = 100;  // by feel: a second one is rare already

}  // namespace

struct RateLimiter::Bucket : RateBucket<std::atomic<std::uint64_t>> {};

Rate Rate::of(std::uint64_t requests, Duration period, std::uint64_t burst) noexcept {
  CIRQUE_CHECK(requests > 0 && period > Duration::zero() && burst > 0);
  constexpr std::uint64_t kDepthMax = RateWord::ns(24h * 365);
  auto ns = RateWord::ns(period);
  auto interval = std::min(ns / requests + (ns % requests != 0), kDepthMax);
  auto depth = interval * std::min(burst, kDepthMax / interval);
  return {.interval = RateWord::duration(interval), .depth = RateWord::duration(depth)};
}

RateLimiter::RateLimiter(std::size_t entries, Time start)
    : start_(start),
      buckets_count_(std::max<std::size_t>(1, (entries + Bucket::kPlaces - 1) / Bucket::kPlaces)),
      buckets_(std::make_unique<Bucket[]>(buckets_count_)) {}

RateLimiter::~RateLimiter() = default;

RateVerdict RateLimiter::take(std::uint64_t key, const Rate& rate, Time now) noexcept {
  RateAsked asked{key, rate, since_start(now)};
  auto charged = charge(asked);
  // Better too many than to refuse whom nobody has counted.
  if (!charged) return {.allowed = true, .remaining = 0, .retry_after = {}, .reset = {}};
  return Bucket::verdict_on(asked, charged->allowed, charged->debt);
}

bool RateLimiter::try_take(std::uint64_t key, const Rate& rate, Time now) noexcept {
  auto charged = charge({key, rate, since_start(now)});
  return !charged || charged->allowed;
}

std::optional<RateCharged> RateLimiter::charge(const RateAsked& asked) noexcept {
  Bucket& bucket = bucket_of(asked.key);
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    if (auto charged = bucket.find_and_charge(asked)) return charged;
    bool is_lost = bucket.offer(asked) == Bucket::Offered::InPlaceOfOther;
    if (is_lost) forgotten_.fetch_add(1, std::memory_order_relaxed);
  }
  uncounted_.fetch_add(1, std::memory_order_relaxed);
  return std::nullopt;
}

RateVerdict RateLimiter::look(std::uint64_t key, const Rate& rate, Time now) const noexcept {
  RateAsked asked{key, rate, since_start(now)};
  auto debt = bucket_of(key).find_debt(asked);
  return Bucket::verdict_on(asked, Bucket::has_credit(asked, debt), debt);
}

bool RateLimiter::would_allow(std::uint64_t key, const Rate& rate, Time now) const noexcept {
  RateAsked asked{key, rate, since_start(now)};
  return Bucket::has_credit(asked, bucket_of(key).find_debt(asked));
}

void RateLimiter::give_back(std::uint64_t key, const Rate& rate, Time now) noexcept {
  bucket_of(key).find_and_refund({key, rate, since_start(now)});
}

void RateLimiter::cap_debts(const Rate& rate, Time now) noexcept {
  auto most = since_start(now) + RateWord::ns(rate.depth);
  for (std::size_t i = 0; i < buckets_count_; ++i) buckets_[i].cap(most);
}

std::size_t RateLimiter::count(Time now) const noexcept {
  std::size_t keys = 0;
  for (std::size_t i = 0; i < buckets_count_; ++i) {
    for (const auto& slot : buckets_[i].words) {
      auto word = slot.load(std::memory_order_relaxed);
      keys += Bucket::is_in_debt(word, since_start(now));
    }
  }
  return keys;
}

std::size_t RateLimiter::bytes() const noexcept {
  return buckets_count_ * sizeof(Bucket);
}

std::uint64_t RateLimiter::since_start(Time now) const noexcept {
  return RateWord::ns(std::max(now - start_, Duration::zero()));
}

RateLimiter::Bucket& RateLimiter::bucket_of(std::uint64_t key) const noexcept {
  auto spread = static_cast<unsigned __int128>(mix(key)) * buckets_count_;
  return buckets_[static_cast<std::size_t>(spread >> 64)];
}

}  // namespace cirque::base
