#pragma once
// The process: N workers on their threads, one steward on the calling thread, and how they start
// and stop together.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cirque/settings.h"
#include "loop/watchdog.h"
#include "net/address_counts.h"
#include "net/listener.h"
#include "observe/access_log.h"
#include "observe/metrics.h"
#include "proxy/lookout.h"
#include "proxy/worker.h"
#include "upstream/directory.h"

namespace cirque::proxy {

struct EngineOptions {
  unsigned workers = 0;     // 0: as many as CPUs this process may use
  bool pin_workers = true;  // measured: unpinned ones drift, and triple the p99
  int backlog = 4096;
  std::string congestion_control;
  Timeouts timeouts;
  Limits limits;
  std::vector<std::string> trusted_proxies;
  std::optional<observe::AccessLogOptions> access_log;
  loop::WatchdogOptions watchdog;
};

// Owned by main(). Sites and listeners come and go before run(), or on the steward's thread.
class Engine {
 public:
  explicit Engine(EngineOptions options);
  ~Engine();

  enum class Where : bool { Workers, Steward };

  // Sockets that listen already, for whom nobody accepts yet. Closed again unless opened.
  struct Bound {
    Address address;  // where it came to (port 0: the one that the kernel chose)
    Where where;
    std::vector<net::Fd> sockets;  // one a worker
  };

  // `app` outlives the site's connections: until is_gone(), or the engine.
  Site& add_site(std::string name, App& app, Stations stations);
  // In Error.sys, errno. `Ours`: the address may be one that we listen on already, and shared for
  // the moment of a change.
  enum class Owner : bool { Nobody, Ours };
  Result<Bound> bind(const Address& address, Where where, Owner owner = Owner::Nobody);
  void open(Bound bound, const Site& site);
  // Both in one.
  Result<Address> listen(const Address& address, const Site& site, Where where);

  // Whoever has connected there is still served, nobody else can. `address`: as Bound had it.
  void unlisten(const Site& site, const Address& address);
  // Takes no new requests: idle connections end, busy ones with their answer. To be unlistened too.
  void retire(Site& site);

  // Backends have left their pools: the workers close what idles there, and forget them.
  void forget_departed();

  // What requests still have with that backend is cut: their answers end as they are, and those
  // that have none get 503 (backend_drained).
  void sever(const std::shared_ptr<upstream::Backend>& backend);

  // A retired site that nobody is connected to any more: it may be removed, before its app dies.
  static bool is_gone(const Site& site) noexcept {
    return site.listeners.load(std::memory_order_acquire) == 0 &&
           site.connections.load(std::memory_order_acquire) == 0;
  }

  void remove(const Site& site) noexcept;

  // For what begins from now on; what is in progress ends under the edition that it began with.
  // Every worker takes it between two turns of its loop. The snapshot before is destroyed on the
  // steward's thread, with the last exchange that began under it.
  void publish(const Timeouts& timeouts, const Limits& limits,
               const std::vector<std::string>& trusted_proxies,
               std::shared_ptr<const Snapshot> snapshot);

  // On the steward: every worker has what was published last, or something later.
  std::function<void()> on_published = [] {};

  // Until stop() has run its course. Returns once every worker has ended.
  void run();

  // Steward's thread. Stops accepting, lets what is in progress end, up to the drain time-out.
  void stop();
  // At once.
  void stop_now();

  bool is_stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }

  bool is_ready() const noexcept {
    return ready_.load(std::memory_order_relaxed) && !is_stopping();
  }

  loop::Loop& steward_loop() noexcept { return steward_->loop; }

  // By Exchange::core(): those of the workers, then the steward's.
  std::vector<loop::Loop*> loops() const;

  observe::Registry& registry() noexcept { return registry_; }

  observe::AccessLog* access_log() noexcept { return access_log_.get(); }

  upstream::Directory& directory() noexcept { return directory_; }

  unsigned workers() const noexcept { return static_cast<unsigned>(workers_.size()); }

  std::uint64_t descriptor_limit() const noexcept { return descriptors_; }

  std::uint32_t connections_max() const noexcept { return connections_max_; }

  // Called on the steward's thread once listeners are live.
  std::function<void()> on_ready = [] {};

 private:
  struct Seat;  // a worker, its thread and its listeners

  std::shared_ptr<const Edition> make_edition(std::size_t workers,
                                              std::shared_ptr<const Snapshot> snapshot) const;
  void hand_back_editions(Worker& worker);
  std::vector<Seat*> seats(Where where);
  void serve_registry();
  void start(Seat& seat);
  void pin(std::size_t index);
  void one_drained();
  Task<> sweep_overflow();
  Task<> end_drain();

  EngineOptions options_;
  std::uint64_t descriptors_;
  std::uint32_t connections_max_;
  observe::Registry registry_;
  upstream::Directory directory_;
  net::AddressCounts by_address_;
  Census census_;  // of connections for the workers
  loop::Watchdog watchdog_;
  std::unique_ptr<observe::AccessLog> access_log_;
  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<std::unique_ptr<Seat>> workers_;
  std::unique_ptr<Seat> steward_seat_;
  Worker* steward_ = nullptr;
  std::unique_ptr<Lookout> lookout_;
  bool running_ = false;

  std::atomic<bool> ready_{false};
  std::atomic<bool> stopping_{false};
  std::size_t draining_ = 0;
  std::unique_ptr<loop::Scope> chores_;
};

}  // namespace cirque::proxy
