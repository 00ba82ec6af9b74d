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
#include "net/address_counts.h"
#include "net/outbox.h"
#include "net/splice.h"
#include "observe/access_log.h"
#include "observe/metrics.h"
#include "proxy/census.h"
#include "proxy/overload.h"
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
  std::uint32_t connections_max = 0;  // of all workers
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

  // Those of all workers; each has taken room before it was accepted.
  Census* census = &own_census_;

  bool take_room() noexcept {
    return (strain_ & kAcceptsNone) == 0 && census->enter(rules().connections_max);
  }

  bool has_room() const noexcept {
    return census->open() < rules().connections_max && (strain_ & kAcceptsNone) == 0;
  }

  // Whose connections are counted for each address; null: they are not, as operators' own.
  net::AddressCounts* by_address = nullptr;

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

  bool is_draining() const noexcept { return (strain_ & kDraining) != 0; }

  // How long a connection may idle, now.
  Duration idle_patience() const noexcept { return idle_patience_; }

  // What there is to do about too little memory, at this share of it.
  void relieve(Rung rung, double share);
  // So long has a message to this worker waited just now.
  void note_lag(Duration lag);

  // Any of the following holds: one test on the way of a request, for all of them.
  bool is_strained() const noexcept { return strain_ != 0; }

  // Every answer is its connection's last.
  bool closes_connections() const noexcept { return (strain_ & (kDraining | kClosesIdle)) != 0; }

  // This connection's request gets a 503. Out of the way, as next to nobody has to ask.
  [[gnu::cold, gnu::noinline]] bool refuses(const Link& link) const noexcept;
  [[gnu::cold, gnu::noinline]] void tell_of(const Connection& connection) const;

  // An attempt that failed may be followed by another.
  bool allows_retries() const noexcept { return (strain_ & kRetriesNone) == 0; }

  void cut_connections();  // what is still there after the drain

  // Exchanges that are with this backend end now.
  void sever(const upstream::Backend& backend);

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

  enum Strain : std::uint8_t {
    kDraining = 1,
    kClosesIdle = 2,
    kRetriesNone = 4,
    kRefuses = 8,
    kAcceptsNone = 16,
    kIsLate = 32,
  };

  // Accepted, and not counted yet: another worker was just writing there.
  struct Latecomer {
    net::Fd fd;
    Address client;
    const Site* site;
  };

  struct Recount : loop::Deferred {
    explicit Recount(Worker& w) noexcept
        : Deferred([](Wake& w) noexcept { static_cast<Recount&>(w).worker.recount(); }),
          worker(w) {}

    Worker& worker;
  };

  struct EndIdle : loop::Timer {
    explicit EndIdle(Worker& w) noexcept
        : Timer([](Timer& t) noexcept { static_cast<EndIdle&>(t).worker.end_idle(); }), worker(w) {}

    Worker& worker;
  };

  void end_idle() noexcept;
  void end(Tenure& tenure) noexcept;
  bool is_counted(const Address& client) const noexcept;
  void admit(net::Fd fd, const Address& client, const Site& site);
  void refuse(net::Fd fd, const Address& client);
  void welcome(net::Fd fd, const Address& client, const Site& site, bool counted);
  void count_out(const Address& client);
  void recount() noexcept;
  void set_strain(std::uint8_t bits, bool on) noexcept;
  void settle_patience() noexcept;
  void give_memory_back();

  std::unique_ptr<Tenure> tenure_;  // the present one
  std::vector<std::unique_ptr<Tenure>> past_;
  base::List<Connection> connections_;
  std::uint32_t open_ = 0;
  Census own_census_;  // of a worker that serves operators: nobody else may take its room
  std::uint8_t strain_ = 0;
  Duration idle_patience_;
  double memory_share_ = 0;
  Lateness lateness_;
  EndIdle end_idle_;
  Recount recount_;
  std::vector<Latecomer> latecomers_;
  std::vector<std::uint64_t> leavers_;  // crowds (net/address_counts.h), not counted out yet
  std::vector<void*> spare_journeys_;
};

}  // namespace cirque::proxy
