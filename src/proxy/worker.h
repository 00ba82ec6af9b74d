#pragma once
// What one core has to serve requests with. One a worker thread, and one for the steward's own
// listeners.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/blocks.h"
#include "base/list.h"
#include "base/random.h"
#include "cirque/app.h"
#include "cirque/settings.h"
#include "h1/client.h"
#include "h1/server.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "net/outbox.h"
#include "net/splice.h"
#include "observe/access_log.h"
#include "observe/metrics.h"
#include "upstream/roster.h"

namespace cirque::proxy {

class Connection;

// A named service and who answers there. Frozen once requests flow, but for its end.
struct Site {
  std::string name;
  App* app = nullptr;
  Stations stations;
  unsigned metrics = 0;  // its index in observe::Registry
  bool logged = true;    // in the access log

  // Any thread. Retired: it takes no new requests, and may go once it has no connections.
  std::atomic<bool> retired{false};
  mutable std::atomic<std::uint32_t> connections{0};
  mutable std::atomic<std::uint32_t> listeners{0};
};

// The engine's settings in the form that each room takes them.
struct Rules {
  Rules(const Timeouts& timeouts, const Limits& limits, std::string congestion_control,
        const std::vector<std::string>& trusted_proxies, bool share_idle);

  // May this client say who its own client is (X-Forwarded-For and the like)?
  bool trusts(const Address& client) const noexcept;

  Timeouts timeouts;
  Limits limits;
  h1::ServerSettings server;
  h1::ClientSettings client;
  upstream::ConnectSettings connect;
  std::uint32_t connections_max = 0;  // of this worker's share
  std::vector<Network> trusted;
};

// What one configuration means to the engine and to its apps. Shared by all workers.
struct Edition {
  Rules rules;
  std::shared_ptr<const Snapshot> snapshot;  // may be null
};

// An edition on one core, with the exchanges that began under it.
struct Tenure {
  std::shared_ptr<const Edition> edition;
  std::uint32_t exchanges = 0;
};

class Worker {
 public:
  Worker(unsigned index, std::shared_ptr<const Edition> edition, upstream::Directory& directory,
         observe::WorkerMetrics& metrics, observe::AccessLog::Writer* log);
  ~Worker();

  const unsigned index;
  loop::Loop loop;
  base::Blocks blocks;
  net::Outbox outbox{loop, blocks};
  net::Pipes pipes;
  base::Random random;
  observe::WorkerMetrics& metrics;
  observe::AccessLog::Writer* log;
  upstream::Roster roster;

  // Memory for exchanges, reused newest first.
  void* take_journey();
  void give_journey(void* memory) noexcept;

  // Connections.
  void adopt(net::Fd fd, const Address& client, const Site& site);
  void retire(Connection& connection) noexcept;

  bool has_room() const noexcept { return open_ < rules().connections_max; }

  // For what begins from now on.
  const Rules& rules() const noexcept { return tenure_->edition->rules; }

  void set_edition(std::shared_ptr<const Edition> edition);

  // An exchange begins under the present edition, and leaves it in the end.
  Tenure& join() noexcept {
    ++tenure_->exchanges;
    return *tenure_;
  }

  void leave(Tenure& tenure) noexcept {
    if (--tenure.exchanges == 0 && &tenure != tenure_.get()) end(tenure);
  }

  std::uint32_t open() const noexcept { return open_; }

  // From now on every answer is its connection's last, and idle connections end after a moment in
  // which a request that was on its way still arrives.
  void begin_drain();

  bool is_draining() const noexcept { return draining_; }

  void cut_connections();  // what is still there after the drain

  // Some sites have been retired: their idle connections end, after the same moment.
  void end_retired();

  // Nothing that began under it is left here. To be destroyed elsewhere: it may be large.
  std::function<void(std::shared_ptr<const Edition>)> on_edition_over = [](auto) {};
  std::function<void()> on_room = [] {};  // a connection has ended where there was no room
  std::function<void()> on_drained = [] {};

  // How long an idle connection is kept during a drain, for a request that was on its way.
  static constexpr Duration kLastRequest = 1s;

 private:
  static constexpr std::size_t kSpareJourneysMax = 512;

  struct EndIdle : loop::Timer {
    explicit EndIdle(Worker& w) noexcept
        : Timer([](Timer& t) noexcept { static_cast<EndIdle&>(t).worker.end_idle(); }), worker(w) {}

    Worker& worker;
  };

  void end_idle() noexcept;
  void end(Tenure& tenure) noexcept;

  std::unique_ptr<Tenure> tenure_;  // the present one
  std::vector<std::unique_ptr<Tenure>> past_;
  base::List<Connection> connections_;
  std::uint32_t open_ = 0;
  bool draining_ = false;
  EndIdle end_idle_;
  std::vector<void*> spare_journeys_;
};

}  // namespace cirque::proxy
