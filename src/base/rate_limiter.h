#pragma once
// How often something may happen, for each of a million keys: GCRA, which needs one time a key and
// spreads what it allows evenly.
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/rate.h"
#include "cirque/clock.h"

namespace cirque::base {

struct RateAsked;    // see rate_bucket.h
struct RateCharged;  // there, too

// Shared by all workers: no lock, no allocation after the beginning, exact to one request whatever
// the threads do. Time comes from the caller.
//
// A key is 64 bits of hash of whatever is limited. It must be a seeded hash where clients choose
// what is hashed: who can make two keys equal spends another one's credit, and who can fill a
// bucket has its keys forgotten. 128 bits would add nothing: a key is compared with the 16 of its
// bucket only, in full, so that a stranger is taken for another one once in 2^60 requests.
//
// Memory is bounded and taken at once: 16 bytes an entry. A key lives in one bucket of 16 entries.
// When that is full, a new key takes the place of one that has all its credit back, which is no
// loss; where there is none, of the one that will have it back soonest. So a flood of new keys
// drives out its own, and those that are over their limit are remembered longest. Take twice as
// many entries as there are keys that ask within `depth`: then less than 1 in 1,000 is forgotten
// too early.
//
// Measured (bench/micro/rate_limiter_bench.cpp, two shared cores): 9 ns for a key in the cache, 85
// ns among a million, 173 ns for a new one, 13 ns for one key that both cores ask about.
class RateLimiter {
 public:
  // No time before `start` is told from it. Good for nine years of running.
  RateLimiter(std::size_t entries, Time start);
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;
  ~RateLimiter();

  // One request of this key. What is refused costs nothing. A rate that has changed holds at once,
  // for the debts of before too: see cap_debts().
  RateVerdict take(std::uint64_t key, const Rate& rate, Time now) noexcept;

  // The same, for who only asks whether it is allowed, and so at half the price.
  bool try_take(std::uint64_t key, const Rate& rate, Time now) noexcept;

  // What take() would say now, of a request that is not there yet.
  RateVerdict look(std::uint64_t key, const Rate& rate, Time now) const noexcept;

  // The same, for who asks for nothing else.
  bool would_allow(std::uint64_t key, const Rate& rate, Time now) const noexcept;

  // One request that was allowed came to nothing: as if it had never been. Nothing happens if its
  // key was forgotten meanwhile.
  void give_back(std::uint64_t key, const Rate& rate, Time now) noexcept;

  // Once a limit has another rate: nobody owes more than all the credit that there is now, as those
  // who have spent a lower rate's would wait by that one. Walks the whole table.
  void cap_debts(const Rate& rate, Time now) noexcept;

  // For metrics. Keys forgotten before they had their credit back.
  std::uint64_t forgotten() const noexcept { return forgotten_.load(std::memory_order_relaxed); }

  // Requests allowed uncounted, as 16 threads were busy in one bucket: zero but in theory.
  std::uint64_t uncounted() const noexcept { return uncounted_.load(std::memory_order_relaxed); }

  // Keys that have not all their credit. Walks the whole table.
  std::size_t count(Time now) const noexcept;

  std::size_t bytes() const noexcept;

 private:
  struct Bucket;  // see rate_limiter.cpp

  // None: it was not counted.
  std::optional<RateCharged> charge(const RateAsked& asked) noexcept;
  std::uint64_t since_start(Time now) const noexcept;
  Bucket& bucket_of(std::uint64_t key) const noexcept;

  const Time start_;
  const std::size_t buckets_count_;
  const std::unique_ptr<Bucket[]> buckets_;
  std::atomic<std::uint64_t> forgotten_{0};
  std::atomic<std::uint64_t> uncounted_{0};
};

}  // namespace cirque::base
