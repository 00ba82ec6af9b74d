#include "proxy/engine.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace cirque::proxy {
namespace {

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// Two descriptors a client in flight (its own and the backend's), and some for everything else.
std::uint32_t connections_from(std::uint64_t descriptors) {
  constexpr std::uint64_t kReserve = 256;
  auto budget = descriptors > 2 * kReserve ? (descriptors - kReserve) / 2 : descriptors / 4;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(budget, 10'000'000));
}

// SO_REUSEPORT would let a second process share a port unnoticed: a plain bind finds that out.
Result<Address> probe(const Address& address, const net::ListenOptions& options) {
  if (!address.is_ip()) return address;
  auto plain = options;
  plain.reuse_port = false;
  auto fd = TRY(net::listen(address, plain));
  return net::local_address(fd.get());
}

}  // namespace

struct Engine::Seat {
  explicit Seat(std::unique_ptr<Worker> w) : worker(std::move(w)) {}

  void open_listeners() {
    for (auto& socket : sockets) {
      const Site& site = *socket.site;
      Worker& w = *worker;
      listeners.push_back(std::make_unique<net::Listener>(
          w.loop, std::move(socket.fd),
          net::Listener::Hooks{
              .accept = [&w, &site](
                            net::Fd fd,
                            const Address& client) { w.adopt(std::move(fd), client, site); },
              .room = [&w] { return w.has_room(); },
              .trouble =
                  [&w](int error) {
                    w.metrics.refused.add("too_many_connections");
                    log::warn("net", "cannot accept, trying again shortly",
                              {{"error", std::string_view(strerror(error))}});
                  },
          }));
    }
    sockets.clear();
    worker->on_room = [this] {
      for (auto& listener : listeners) listener->resume();
    };
  }

  void close_listeners() {
    for (auto& listener : listeners) listener->close();
  }

  std::unique_ptr<Worker> worker;
  std::vector<Socket> sockets;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  std::thread thread;
};

Engine::Engine(EngineOptions options)
    : options_(std::move(options)),
      descriptors_(net::raise_descriptor_limit()),
      connections_max_(options_.limits.connections ? options_.limits.connections
                                                   : connections_from(descriptors_)),
      registry_(
          (options_.workers ? options_.workers : static_cast<unsigned>(allowed_cpus().size())) +
          1) {
  auto count = options_.workers ? options_.workers : static_cast<unsigned>(allowed_cpus().size());
  rules_ = std::make_unique<Rules>(options_.timeouts, options_.limits, options_.congestion_control,
                                   options_.trusted_proxies, count > 1);
  rules_->connections_max = std::max(1U, connections_max_ / count);
  if (options_.access_log) {
    access_log_ = std::make_unique<observe::AccessLog>(*options_.access_log, count);
  }
  for (unsigned i = 0; i < count; ++i) {
    auto* writer = access_log_ ? &access_log_->writer(i) : nullptr;
    workers_.push_back(std::make_unique<Seat>(
        std::make_unique<Worker>(i, *rules_, directory_, registry_.worker(i), writer)));
  }
  steward_seat_ = std::make_unique<Seat>(
      std::make_unique<Worker>(count, *rules_, directory_, registry_.worker(count), nullptr));
  registry_.loops = [this] {
    std::vector<observe::Registry::Loop> loops;
    for (auto& seat : workers_) {
      auto pulse = seat->worker->loop.take_pulse();
      loops.push_back({pulse.turns, pulse.longest});
    }
    return loops;
  };
  steward_ = steward_seat_->worker.get();
  chores_ = std::make_unique<loop::Scope>();
}

Engine::~Engine() = default;

Site& Engine::add_site(std::string name, App& app, Stations stations) {
  auto site = std::make_unique<Site>();
  site->metrics = registry_.add_service(name);
  site->name = std::move(name);
  site->app = &app;
  site->stations = stations;
  return *sites_.emplace_back(std::move(site));
}

Result<Address> Engine::listen(const Address& address, const Site& site, Where where) {
  net::ListenOptions options{.backlog = options_.backlog,
                             .reuse_port = true,
                             .congestion_control = options_.congestion_control};
  Address bound = TRY(probe(address, options));
  if (where == Where::Steward) {
    options.reuse_port = false;
    steward_seat_->sockets.push_back({
      TRY(net::listen(bound, options))
      , &site
    });
    return bound;
  }
  if (!address.is_ip()) {  // a path can be bound once: all workers accept from the one socket
    auto fd = TRY(net::listen(bound, options));
    for (auto& seat : workers_) seat->sockets.push_back({net::Fd(dup(fd.get())), &site});
    return bound;
  }
  for (auto& seat : workers_) {
    seat->sockets.push_back({
      TRY(net::listen(bound, options))
      , &site
    });
  }
  return bound;
}

void Engine::pin(std::size_t index) {
  auto cpus = allowed_cpus();
  if (!options_.pin_workers || cpus.size() != workers_.size() || cpus.size() == 1) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpus[index]), &set);
  pthread_setaffinity_np(workers_[index]->thread.native_handle(), sizeof set, &set);
}

void Engine::start(Seat& seat) {
  seat.worker->on_drained = [this] { steward_->loop.send([this] { one_drained(); }); };
  seat.thread = std::thread([&seat] {
    pthread_setname_np(pthread_self(), "cirque-worker");
    seat.open_listeners();
    seat.worker->loop.run();
    seat.listeners.clear();
    seat.worker->cut_connections();
  });
}

void Engine::run() {
  for (auto& seat : workers_) start(*seat);
  for (std::size_t i = 0; i < workers_.size(); ++i) pin(i);
  steward_seat_->open_listeners();
  chores_->spawn(sweep_overflow());
  ready_.store(true, std::memory_order_relaxed);
  on_ready();
  steward_->loop.run();
  for (auto& seat : workers_) seat->worker->loop.send([&seat] { seat->worker->loop.stop(); });
  for (auto& seat : workers_) seat->thread.join();
  chores_->cancel();
  steward_seat_->listeners.clear();
  if (access_log_) access_log_->flush();
}

Task<> Engine::sweep_overflow() {
  for (;;) {
    co_await steward_->loop.sleep(1s);
    directory_.overflow.sweep(steward_->loop.now(), options_.timeouts.upstream_keepalive);
  }
}

void Engine::stop() {
  if (stopping_.exchange(true)) return;
  draining_ = workers_.size();
  for (auto& seat : workers_) {
    seat->worker->loop.send([&seat] {
      seat->close_listeners();
      seat->worker->begin_drain();
    });
  }
  chores_->spawn(end_drain());
}

Task<> Engine::end_drain() {
  co_await steward_->loop.sleep(options_.timeouts.drain);
  log::warn("proxy", "drain time is over, cutting what is left", {});
  stop_now();
  co_return done;
}

void Engine::stop_now() {
  stopping_.store(true);
  steward_->loop.stop();
}

void Engine::one_drained() {
  if (draining_ > 0 && --draining_ == 0) stop_now();
}

}  // namespace cirque::proxy
