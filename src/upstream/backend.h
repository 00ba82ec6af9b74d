#pragma once
// One address that answers requests, as all cores know it: its load, and what was learned of it.
// How it fares in each of its pools is in roll.h.
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cirque/address.h"
#include "cirque/clock.h"

namespace cirque::upstream {

// Everything that makes two connections different. Two connections are interchangeable only if
// their keys are equal, so what is not in here (TLS profile, source address) must be added before
// it varies.
struct ReuseKey {
  Address address;

  std::uint64_t hash() const noexcept { return address.hash(); }

  friend bool operator==(const ReuseKey&, const ReuseKey&) noexcept = default;
};

// Outlives snapshots: a reload that mentions the same address finds the same object. Any thread.
class Backend : public std::enable_shared_from_this<Backend> {
 public:
  // `presence` keeps the row of its metrics on the page: see observe::Registry.
  Backend(ReuseKey k, std::string n, unsigned metrics_index,
          std::shared_ptr<const void> presence = {})
      : key(std::move(k)),
        name(std::move(n)),
        metrics(metrics_index),
        presence_(std::move(presence)) {}

  const ReuseKey key;
  const std::string name;  // as the configuration has it: the label of its metrics
  // Its index in observe::Registry, for what is no pool's alone: its connections.
  const unsigned metrics;

  // Open connections of the whole process, idle ones included.
  std::atomic<std::uint32_t> connections{0};

  // Told by pools, on the steward's thread: one lists it, or does not any more. `drains`: nobody is
  // to choose it there.
  void join_pool(bool drains = false) noexcept;
  void leave_pool(bool drains = false) noexcept;

  // It was in a pool, and now nobody will choose it in any: what is idle may close.
  bool has_left() const noexcept { return left_.load(std::memory_order_relaxed); }

  // How long an idle connection may be trusted: the peer's own idle time-out, where it was seen or
  // announced, less a margin; kNoLimit until then.
  static constexpr std::int64_t kNoLimit = INT64_MAX;
  std::atomic<std::int64_t> keep_alive_ns{kNoLimit};

  // The peer closed a connection that had idled for `age`.
  void learn_idle_close(Duration age) noexcept;
  // The peer announced "Keep-Alive: timeout=seconds".
  void learn_announced(unsigned seconds) noexcept;

 private:
  void lower_keep_alive(Duration limit) noexcept;

  const std::shared_ptr<const void> presence_;
  unsigned pools_ = 0;     // that list it; steward only
  unsigned draining_ = 0;  // of these, where it drains
  std::atomic<bool> left_{false};
};

// One open connection's share of its backend's count, wherever the connection is.
class Claim {
 public:
  // None: `most` are open.
  static std::optional<Claim> try_make(const std::shared_ptr<Backend>& backend,
                                       std::uint32_t most) noexcept {
    auto& count = backend->connections;
    auto open = count.load(std::memory_order_relaxed);
    do {
      if (open >= most) return std::nullopt;
    } while (!count.compare_exchange_weak(open, open + 1, std::memory_order_relaxed));
    return Claim(backend);
  }

  Claim(Claim&&) noexcept = default;

  Claim& operator=(Claim&& other) noexcept {
    std::swap(backend_, other.backend_);
    return *this;
  }

  ~Claim() {
    if (backend_) backend_->connections.fetch_sub(1, std::memory_order_relaxed);
  }

  Backend* operator->() const noexcept { return backend_.get(); }

  Backend& operator*() const noexcept { return *backend_; }

 private:
  explicit Claim(std::shared_ptr<Backend> backend) noexcept : backend_(std::move(backend)) {}

  std::shared_ptr<Backend> backend_;
};

}  // namespace cirque::upstream
