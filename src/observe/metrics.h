#pragma once
// Counts of what happens. Every worker has its own and is their only writer; a scrape adds them up.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cirque/http.h"
#include "observe/histogram.h"
#include "observe/reasons.h"

namespace cirque::observe {

class ReasonCounts {
 public:
  void add(std::string_view slug) noexcept { counts_[reason_index(slug)].add(); }

  std::uint64_t get(unsigned index) const noexcept { return counts_[index].get(); }

 private:
  std::array<Counter, kReasonsMax> counts_;
};

struct ServiceMetrics {
  static constexpr unsigned kClasses = 6;  // 1xx..5xx, and 499: nobody was left to answer
  std::array<std::array<Counter, kMethods>, kClasses> requests;
  Histogram<kDurationBounds> duration;
  Histogram<kOverheadBounds> overhead;  // what we added: without the waits for client and peer
  Gauge in_flight;
  Counter bytes_in;   // of request bodies
  Counter bytes_out;  // of response bodies
  ReasonCounts reasons;
};

// Why a request whose attempt failed was not sent again.
enum class NoRetry : std::uint8_t { Method, Body, Heard, Attempts, Budget, NoPeer, Overload, App };

struct BackendMetrics {
  static constexpr unsigned kNoRetries = 8;

  Counter connects;
  Counter reuses;
  Counter requests;
  ReasonCounts failures;
  Counter retries;  // after an attempt here had failed
  std::array<Counter, kNoRetries> no_retries;
  Gauge active;  // connections that carry a request
  Gauge idle;
  Counter expired;    // idle connections ended by time or by the peer
  Counter evictions;  // not kept: the pool was full, or the backend has left it
  Counter overflow_taken;
  Counter overflow_given;
};

// One a worker. Services and backends are named by their index in the registry.
class WorkerMetrics {
 public:
  // Of all configurations of this process; 8 bytes of a slot each.
  static constexpr unsigned kServicesMax = 4096;
  static constexpr unsigned kBackendsMax = 16'384;

  Counter accepted;
  ReasonCounts refused;
  Gauge active;
  Gauge idle;
  Counter underscored_fields;  // field lines dropped for an underscore in the name

  // The worker's thread. Made on first use; the references stay good.
  ServiceMetrics& service(unsigned index) { return at(services_, index); }

  BackendMetrics& backend(unsigned index) { return at(backends_, index); }

  // Any thread; null when this worker has not used it.
  const ServiceMetrics* find_service(unsigned index) const { return find(services_, index); }

  const BackendMetrics* find_backend(unsigned index) const { return find(backends_, index); }

 private:
  template <class T>
  using Slots = std::vector<std::atomic<T*>>;

  template <class T>
  T& at(Slots<T>& slots, unsigned index);

  template <class T>
  static const T* find(const Slots<T>& slots, unsigned index) {
    return index < slots.size() ? slots[index].load(std::memory_order_acquire) : nullptr;
  }

  Slots<ServiceMetrics> services_ = Slots<ServiceMetrics>(kServicesMax);
  Slots<BackendMetrics> backends_ = Slots<BackendMetrics>(kBackendsMax);
  std::deque<ServiceMetrics> service_store_;
  std::deque<BackendMetrics> backend_store_;
};

// Of one rate limit.
struct RateCounts {
  std::string limit;
  std::uint64_t refused = 0;
  std::uint64_t let_pass = 0;   // that would have been refused but for a dry run
  std::uint64_t forgotten = 0;  // keys that were driven out too early
  std::size_t bytes = 0;
};

// Of what stands before a pool.
struct PoolCounts {
  std::string pool;
  bool has_breaker = false;
  bool is_open = false;
  std::uint64_t openings = 0;
  std::uint64_t refused_full = 0;  // for want of room, here or with a backend
  std::uint64_t refused_cut = 0;
  std::uint64_t refused_too_large = 0;
  std::uint64_t failovers_cut = 0;  // to another pool, as a circuit was open
  std::uint64_t failovers_unwell = 0;
  bool is_limited = false;    // its requests are, here or at its backends
  bool has_limit = false;     // of its own, beside those of its backends
  std::uint32_t limit = 0;    // requests at a time
  std::uint32_t in_use = 0;   // that are under way
  std::uint32_t waiting = 0;  // in line
  std::uint64_t waited = 0;   // that have stood in line, until now
  std::uint64_t timed_out = 0;
  std::uint64_t refused = 0;
  std::chrono::nanoseconds waited_time{};  // all of them together
};

// Of one backend in a pool that limits each of them, or has breakers for them.
struct GateCounts {
  std::string pool;
  std::string backend;
  bool has_limit = false;
  std::uint32_t in_use = 0;
  bool has_breaker = false;
  bool is_open = false;
  std::uint64_t openings = 0;
};

// Names of what is counted, and the scrape.
class Registry {
 public:
  explicit Registry(unsigned workers);

  // Any thread, workers running or not. The same name again gives the same index. Beyond
  // WorkerMetrics::kServicesMax names, the last index: numbers are mixed up rather than memory.
  unsigned add_service(const std::string& name);
  unsigned add_pool(const std::string& name);

  struct Listing {
    unsigned index = 0;
    // It is on the page while anybody holds this, and goes on counting where it was if it comes
    // back. May outlive the registry.
    std::shared_ptr<const void> presence = {};
  };

  // The same; beyond WorkerMetrics::kBackendsMax it takes the place of one that is on the page no
  // more, and goes on from its counts.
  Listing add_backend(unsigned pool, const std::string& name);

  WorkerMetrics& worker(unsigned index) { return *workers_[index]; }

  // By backend index.
  void set_healthy(unsigned backend, bool healthy);
  // A health check of it has failed.
  void count_failed_check(unsigned backend, std::string_view reason);
  // Left out of its pool for what it did to requests, or back.
  void set_ejected(unsigned backend, bool ejected);

  // The Prometheus text format, version 0.0.4.
  std::string expose() const;

  // Any thread: new configurations that were taken, and those that were refused.
  std::atomic<std::uint64_t> reloads_taken{0};
  std::atomic<std::uint64_t> reloads_refused{0};
  // Any thread: how long the last configuration took from one thread to all workers.
  std::atomic<std::chrono::nanoseconds> publishing{};

  struct Loop {
    std::uint64_t turns = 0;
    std::chrono::nanoseconds longest{};  // since the last scrape, of the turns that were timed
    std::chrono::nanoseconds lag{};      // of the last probe
    std::uint64_t stalls = 0;            // turns so long that the watchdog has seen them
  };

  struct Overload {
    unsigned level = 0;
    std::uint64_t memory_used = 0;
    std::uint64_t memory_limit = 0;
  };

  // From whoever knows, by worker; called by expose().
  std::function<std::vector<Loop>()> loops = [] { return std::vector<Loop>(); };
  // From whoever keeps them; called by expose().
  std::function<std::vector<RateCounts>()> rate_limits = [] { return std::vector<RateCounts>(); };
  std::function<std::vector<PoolCounts>()> pools = [] { return std::vector<PoolCounts>(); };
  std::function<std::vector<GateCounts>()> gates = [] { return std::vector<GateCounts>(); };
  std::function<Overload()> overload = [] { return Overload(); };
  // From whoever keeps the number; called by expose().
  std::function<std::uint64_t()> access_log_dropped = [] { return 0; };

 private:
  unsigned find_or_add_backend(unsigned pool, const std::string& name);

  struct Backend {
    unsigned pool;
    std::string name;
    std::weak_ptr<const void> presence = {};
    bool healthy = true;
    std::uint64_t transitions = 0;
    std::map<unsigned, std::uint64_t> failed_checks = {};  // by the reason's index
    bool ejected = false;
    std::uint64_t ejections = 0;
  };

  mutable std::mutex mutex_;
  std::vector<std::string> services_;
  std::vector<std::string> pools_;
  std::vector<Backend> backends_;
  std::map<std::pair<unsigned, std::string>, unsigned> backend_indexes_;  // by pool and name
  std::vector<std::unique_ptr<WorkerMetrics>> workers_;
};

template <class T>
T& WorkerMetrics::at(Slots<T>& slots, unsigned index) {
  constexpr unsigned kMax = std::is_same_v<T, ServiceMetrics> ? kServicesMax : kBackendsMax;
  auto& slot = slots[index < kMax ? index : kMax - 1];
  if (T* known = slot.load(std::memory_order_relaxed)) return *known;
  T* made;
  if constexpr (std::is_same_v<T, ServiceMetrics>) {
    made = &service_store_.emplace_back();
  } else {
    made = &backend_store_.emplace_back();
  }
  slot.store(made, std::memory_order_release);
  return *made;
}

}  // namespace cirque::observe
