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
#include "net/listener.h"
#include "observe/access_log.h"
#include "observe/metrics.h"
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
};

// Owned by main(). Sites and listeners are added before run().
class Engine {
 public:
  explicit Engine(EngineOptions options);
  ~Engine();

  enum class Where : bool { Workers, Steward };
  // `app` outlives the engine.
  Site& add_site(std::string name, App& app, Stations stations);
  // Binds; the address that it came to (port 0: the one the kernel chose). In Error.sys, errno.
  Result<Address> listen(const Address& address, const Site& site, Where where);

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

  observe::Registry& registry() noexcept { return registry_; }

  observe::AccessLog* access_log() noexcept { return access_log_.get(); }

  upstream::Directory& directory() noexcept { return directory_; }

  unsigned workers() const noexcept { return static_cast<unsigned>(workers_.size()); }

  std::uint64_t descriptor_limit() const noexcept { return descriptors_; }

  std::uint32_t connections_max() const noexcept { return connections_max_; }

  // Called on the steward's thread once listeners are live.
  std::function<void()> on_ready = [] {};

 private:
  struct Socket {
    net::Fd fd;
    const Site* site;
  };
  struct Seat;  // a worker, its thread and its listeners

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
  std::unique_ptr<observe::AccessLog> access_log_;
  std::unique_ptr<Rules> rules_;
  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<std::unique_ptr<Seat>> workers_;
  std::unique_ptr<Seat> steward_seat_;
  Worker* steward_ = nullptr;

  std::atomic<bool> ready_{false};
  std::atomic<bool> stopping_{false};
  std::size_t draining_ = 0;
  std::unique_ptr<loop::Scope> chores_;
};

}  // namespace cirque::proxy
