#include "proxy/engine.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/random.h"
#include "base/turns.h"

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

// Touched by its own thread alone once that runs: through run_there().
struct Engine::Seat {
  explicit Seat(std::unique_ptr<Worker> w) : worker(std::move(w)) {
    worker->on_room = [this] {
      for (auto& door : doors) door.listener->resume();
    };
  }

  void open(net::Fd fd, const Address& address, const Site& site) {
    Worker& w = *worker;
    net::Listener::Hooks hooks{
        .accept = [&w, &site](
                      net::Fd client_fd,
                      const Address& client) { w.adopt(std::move(client_fd), client, site); },
        .room = [&w] { return w.take_room(); },
        .unused = [&w] { w.census->leave(); },
        .trouble =
            [&w](int error) {
              w.metrics.refused.add("too_many_connections");
              log::warn("net", "cannot accept, trying again shortly",
                        {{"error", std::string_view(strerror(error))}});
            },
    };
    auto listener = std::make_unique<net::Listener>(w.loop, std::move(fd), std::move(hooks));
    doors.push_back({address, &site, std::move(listener)});
  }

  void close(const Address& address, const Site& site) {
    std::erase_if(doors, [&](Door& door) {
      if (door.site != &site || door.address != address) return false;
      door.listener->close();
      site.listeners.fetch_sub(1, std::memory_order_release);
      return true;
    });
  }

  void close_all() {
    for (auto& door : doors) door.listener->close();
  }

  // Before the worker has a thread there is nobody to ask.
  template <class F>
  void run_there(bool running, F what) {
    if (running) {
      worker->loop.send(std::move(what));
    } else {
      what();
    }
  }

  struct Door {
    Address address;
    const Site* site;
    std::unique_ptr<net::Listener> listener;
  };

  std::unique_ptr<Worker> worker;
  std::vector<Door> doors;
  std::thread thread;
};

Engine::Engine(EngineOptions options)
    : options_(std::move(options)),
      descriptors_(net::raise_descriptor_limit()),
      connections_max_(options_.limits.connections ? options_.limits.connections
                                                   : connections_from(descriptors_)),
      registry_(
          (options_.workers ? options_.workers : static_cast<unsigned>(allowed_cpus().size())) + 1),
      by_address_(base::Random().next()),
      watchdog_(options_.watchdog) {
  auto count = options_.workers ? options_.workers : static_cast<unsigned>(allowed_cpus().size());
  workers_.reserve(count);
  auto edition = make_edition(count, nullptr);
  if (options_.access_log) {
    access_log_ = std::make_unique<observe::AccessLog>(*options_.access_log, count);
  }
  for (unsigned i = 0; i < count; ++i) {
    auto* writer = access_log_ ? &access_log_->writer(i) : nullptr;
    workers_.push_back(std::make_unique<Seat>(
        std::make_unique<Worker>(i, edition, directory_, registry_.worker(i), writer)));
    hand_back_editions(*workers_.back()->worker);
    workers_.back()->worker->by_address = &by_address_;
    workers_.back()->worker->census = &census_;
  }
  steward_seat_ = std::make_unique<Seat>(
      std::make_unique<Worker>(count, edition, directory_, registry_.worker(count), nullptr));
  steward_ = steward_seat_->worker.get();
  lookout_ = std::make_unique<Lookout>(steward_->loop);
  for (auto& seat : workers_) lookout_->add(*seat->worker);
  lookout_->set_memory_limit(options_.limits.memory);
  serve_registry();
  chores_ = std::make_unique<loop::Scope>();
}

Engine::~Engine() = default;

void Engine::serve_registry() {
  registry_.loops = [this] {
    std::vector<observe::Registry::Loop> loops;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      auto pulse = workers_[i]->worker->loop.take_pulse();
      loops.push_back({pulse.turns, pulse.longest, lookout_->lag(i), watchdog_.stalls(i)});
    }
    return loops;
  };
  registry_.overload = [this] {
    const auto& memory = lookout_->memory();
    return observe::Registry::Overload{static_cast<unsigned>(lookout_->rung()), memory.used,
                                       memory.limit};
  };
}

Site& Engine::add_site(std::string name, App& app, Stations stations) {
  auto site = std::make_unique<Site>();
  site->metrics = registry_.add_service(name);
  site->name = std::move(name);
  site->app = &app;
  site->stations = stations;
  return *sites_.emplace_back(std::move(site));
}

void Engine::remove(const Site& site) noexcept {
  std::erase_if(sites_, [&](const auto& one) { return one.get() == &site; });
}

std::vector<loop::Loop*> Engine::loops() const {
  std::vector<loop::Loop*> all;
  for (const auto& seat : workers_) all.push_back(&seat->worker->loop);
  all.push_back(&steward_->loop);
  return all;
}

std::vector<Engine::Seat*> Engine::seats(Where where) {
  if (where == Where::Steward) return {steward_seat_.get()};
  std::vector<Seat*> all;
  for (auto& seat : workers_) all.push_back(seat.get());
  return all;
}

Result<Engine::Bound> Engine::bind(const Address& address, Where where, Owner owner) {
  net::ListenOptions options{.backlog = options_.backlog,
                             .reuse_port = true,
                             .congestion_control = options_.congestion_control};
  Bound bound{address, where, {}};
  if (owner == Owner::Nobody) bound.address = TRY(probe(address, options));
  options.reuse_port = where == Where::Workers;
  for (std::size_t i = 0; i < seats(where).size(); ++i) {
    if (i > 0 && !address.is_ip()) {  // a path can be bound once: all accept from the one socket
      bound.sockets.emplace_back(dup(bound.sockets[0].get()));
    } else {
      bound.sockets.push_back(TRY(net::listen(bound.address, options)));
    }
  }
  return bound;
}

void Engine::open(Bound bound, const Site& site) {
  auto all = seats(bound.where);
  site.listeners.fetch_add(static_cast<std::uint32_t>(all.size()), std::memory_order_relaxed);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Seat& seat = *all[i];
    bool running = running_ && bound.where == Where::Workers;
    seat.run_there(running, [&seat, &site, address = bound.address,
                             fd = std::move(bound.sockets[i])]() mutable {
      seat.open(std::move(fd), address, site);
    });
  }
}

Result<Address> Engine::listen(const Address& address, const Site& site, Where where) {
  auto bound = TRY(bind(address, where));
  Address where_to = bound.address;
  open(std::move(bound), site);
  return where_to;
}

void Engine::unlisten(const Site& site, const Address& address) {
  for (auto& seat : workers_) {
    seat->run_there(running_, [&seat = *seat, &site, address] { seat.close(address, site); });
  }
  steward_seat_->close(address, site);
}

void Engine::retire(Site& site) {
  site.retired.store(true, std::memory_order_relaxed);
  for (auto& seat : workers_) {
    seat->run_there(running_, [&seat = *seat] { seat.worker->end_retired(); });
  }
  steward_->end_retired();
}

void Engine::forget_departed() {
  for (auto& seat : workers_) {
    seat->run_there(running_, [&seat = *seat] { seat.worker->roster.forget_departed(); });
  }
}

void Engine::sever(const std::shared_ptr<upstream::Backend>& backend) {
  for (auto& seat : workers_) {
    seat->run_there(running_, [&seat = *seat, backend] { seat.worker->sever(*backend); });
  }
}

std::shared_ptr<const Edition> Engine::make_edition(
    std::size_t workers, std::shared_ptr<const Snapshot> snapshot) const {
  auto edition = std::make_shared<Edition>(
      Rules(options_.timeouts, options_.limits, options_.congestion_control,
            options_.trusted_proxies, workers > 1),
      std::move(snapshot));
  edition->rules.connections_max = connections_max_;
  return edition;
}

// A worker has better things to do than to take a large snapshot apart.
void Engine::hand_back_editions(Worker& worker) {
  worker.on_edition_over = [this](std::shared_ptr<const Edition> edition) {
    if (running_) steward_->loop.send([gone = std::move(edition)] {});
  };
}

void Engine::publish(const Timeouts& timeouts, const Limits& limits,
                     const std::vector<std::string>& trusted_proxies,
                     std::shared_ptr<const Snapshot> snapshot) {
  options_.timeouts = timeouts;
  options_.limits = limits;
  options_.trusted_proxies = trusted_proxies;
  connections_max_ = limits.connections ? limits.connections : connections_from(descriptors_);
  lookout_->set_memory_limit(limits.memory);
  auto edition = make_edition(workers_.size(), std::move(snapshot));
  auto began = std::chrono::steady_clock::now();
  auto waiting = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (auto& seat : workers_) {
    seat->run_there(running_, [this, &seat = *seat, edition, began, waiting]() mutable {
      seat.worker->set_edition(std::move(edition));
      if (waiting->fetch_sub(1, std::memory_order_relaxed) > 1) return;
      registry_.publishing.store(std::chrono::steady_clock::now() - began,
                                 std::memory_order_relaxed);
      steward_->loop.send([this] { on_published(); });
    });
  }
  steward_->set_edition(std::move(edition));
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
    base::take_short_turns();
    seat.worker->loop.run();
    seat.doors.clear();
    seat.worker->cut_connections();
  });
}

void Engine::run() {
  running_ = true;
  for (auto& seat : workers_) start(*seat);
  for (std::size_t i = 0; i < workers_.size(); ++i) pin(i);
  for (auto& seat : workers_) watchdog_.watch(seat->worker->loop, seat->thread.native_handle());
  watchdog_.start();
  chores_->spawn(sweep_overflow());
  chores_->spawn(lookout_->watch_memory());
  chores_->spawn(lookout_->watch_lag());
  ready_.store(true, std::memory_order_relaxed);
  on_ready();
  steward_->loop.run();
  chores_->cancel();
  for (auto& seat : workers_) seat->worker->loop.send([&seat] { seat->worker->loop.stop(); });
  watchdog_.stop();
  for (auto& seat : workers_) seat->thread.join();
  steward_seat_->doors.clear();
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
      seat->close_all();
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
