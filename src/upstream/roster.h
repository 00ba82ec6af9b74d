#pragma once
// The backends as one core uses them: idle connections kept, new ones dialled, limits held.
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "loop/loop.h"
#include "observe/metrics.h"
#include "upstream/connection.h"
#include "upstream/directory.h"

namespace cirque::upstream {

struct ConnectSettings {
  Duration connect = 2s;
  Duration keep_alive = 30s;  // an idle connection; less where the peer's own limit is known
  std::uint32_t connections_max = 1024;  // a backend, whole process
  std::uint32_t idle_max = 1024;         // a backend and core
  bool share_idle = true;                // with the other cores; pointless where there is but one
  std::string congestion_control;
};

class Roster;

// One backend on one core, as long as it is in a pool or in use.
class Local {
 public:
  Local(Roster& roster, std::shared_ptr<Backend> backend, observe::BackendMetrics& metrics) noexcept
      : backend(std::move(backend)), metrics(metrics), roster_(roster) {}

  ~Local();

  const std::shared_ptr<Backend> backend;
  observe::BackendMetrics& metrics;

 private:
  friend class Roster;
  friend class Connection;
  friend class Hold;

  // Nobody will choose it any more: connections are closed instead of kept.
  bool is_leaving() const noexcept { return !named_by_app_ && backend->has_left(); }

  void drop_idle(Connection& connection) noexcept;
  void close_idle() noexcept;
  void let_go() noexcept;

  Roster& roster_;
  base::List<Connection> idle_;  // newest in front
  std::uint32_t idle_count_ = 0;
  std::uint32_t holds_ = 0;
  bool named_by_app_ = false;  // by address: no pool can tell when it is not needed any more
};

// A Local in use. With the last hold on it, one that is leaving is forgotten, so that names whose
// addresses rotate for ever leave nothing behind. One core.
class Hold {
 public:
  Hold() noexcept = default;

  explicit Hold(Local& local) noexcept : local_(&local) { ++local.holds_; }

  Hold(Hold&& other) noexcept : local_(std::exchange(other.local_, nullptr)) {}

  Hold& operator=(Hold&& other) noexcept {
    std::swap(local_, other.local_);
    return *this;
  }

  ~Hold() {
    if (local_) local_->let_go();
  }

  Local& operator*() const noexcept { return *local_; }

 private:
  Local* local_ = nullptr;
};

// One a worker.
class Roster {
 public:
  Roster(loop::Loop& loop, Directory& directory, observe::WorkerMetrics& metrics,
         const ConnectSettings& settings);
  ~Roster();

  // For what begins from now on. They must outlive their use.
  void set_settings(const ConnectSettings& settings) noexcept { settings_ = &settings; }

  Hold hold(Backend& backend);
  // For an App's own peers, which have no pool.
  Hold hold(const Address& address, std::string_view name, unsigned metrics_index);

  // Some backends have left their pools: closes their idle connections, and forgets those that
  // nobody holds.
  void forget_departed() noexcept;

  std::size_t size() const noexcept { return locals_.size(); }

  // An idle connection to that backend: this core's newest, else one of the shared overflow, else
  // none.
  std::unique_ptr<Connection> take_idle(Local& local);
  // A new one, or at the limit one that came free while it waited. Errors:
  // upstream_connect_refused, _timeout, upstream_unreachable, upstream_connection_limit; all
  // replayable.
  Task<std::unique_ptr<Connection>> dial(Local& local);
  // It has served its request and is in a known state.
  void give_back(Local& local, std::unique_ptr<Connection> connection);

 private:
  friend class Local;
  Local& local(Backend& backend);
  // Connections that idled this long on their core are offered to all.
  static constexpr Duration kParkAfter = 250ms;

  // One of both: a connection that has become idle, or leave to open one.
  struct Room {
    std::unique_ptr<Connection> freed;
    std::optional<Claim> claim;
  };

  Task<Room> await_room(Local& local);
  std::optional<Claim> claim_room(const Local& local) const noexcept;
  void offer_idle() noexcept;
  Duration patience(const Backend& backend) const noexcept;

  struct Sweep : loop::Timer {
    explicit Sweep(Roster& r) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Sweep&>(t).roster.offer_idle(); }), roster(r) {}

    Roster& roster;
  };

  loop::Loop& loop_;
  Directory& directory_;
  observe::WorkerMetrics& metrics_;
  const ConnectSettings* settings_;
  std::unordered_map<const Backend*, std::unique_ptr<Local>> locals_;
  std::unordered_map<std::uint64_t, std::vector<Local*>> by_address_;
  std::uint32_t idle_ = 0;
  Sweep sweep_;
};

}  // namespace cirque::upstream
