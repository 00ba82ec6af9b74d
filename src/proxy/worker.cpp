#include "proxy/worker.h"

#include <new>
#include <utility>

#include "base/log.h"
#include "proxy/answer.h"
#include "proxy/connection.h"

namespace cirque::proxy {

Worker::Worker(unsigned i, std::shared_ptr<const Edition> e, upstream::Directory& directory,
               observe::WorkerMetrics& m, observe::AccessLog::Writer* l)
    : index(i),
      metrics(m),
      log(l),
      roster(loop, directory, m, e->rules.connect),
      tenure_(new Tenure{std::move(e), 0}),
      idle_patience_(rules().timeouts.client_idle),
      end_idle_(*this),
      recount_(*this) {}

Worker::~Worker() {
  cut_connections();
  for (void* memory : spare_journeys_) ::operator delete(memory);
}

void Worker::set_edition(std::shared_ptr<const Edition> edition) {
  roster.set_settings(edition->rules.connect);
  auto& before = *past_.emplace_back(std::move(tenure_));
  tenure_ = std::make_unique<Tenure>(std::move(edition), 0);
  settle_patience();
  if (before.exchanges == 0) end(before);
}

void Worker::end(Tenure& tenure) noexcept {
  on_edition_over(std::move(tenure.edition));
  std::erase_if(past_, [&](const auto& past) { return past.get() == &tenure; });
}

void* Worker::take_journey() {
  if (spare_journeys_.empty()) return ::operator new(sizeof(Journey));
  void* memory = spare_journeys_.back();
  spare_journeys_.pop_back();
  return memory;
}

void Worker::give_journey(void* memory) noexcept {
  if (spare_journeys_.size() < kSpareJourneysMax) {
    spare_journeys_.push_back(memory);
  } else {
    ::operator delete(memory);
  }
}

void Worker::adopt(net::Fd fd, const Address& client, const Site& site) {
  metrics.accepted.add();
  admit(std::move(fd), client, site);
}

// Those who stand in front of many clients, and those on this machine, may come as often as they
// like.
bool Worker::is_counted(const Address& client) const noexcept {
  bool limited = by_address && rules().limits.connections_per_address > 0;
  return limited && client.is_ip() && !rules().trusts(client);
}

void Worker::admit(net::Fd fd, const Address& client, const Site& site) {
  using Entry = net::AddressCounts::Entry;
  if (!is_counted(client)) return welcome(std::move(fd), client, site, false);
  switch (by_address->enter(net::crowd_of(client), rules().limits.connections_per_address)) {
    case Entry::In:
      return welcome(std::move(fd), client, site, true);
    case Entry::Full:
      return refuse(std::move(fd), client);
    case Entry::Busy:
      site.connections.fetch_add(1, std::memory_order_relaxed);  // it must not go meanwhile
      latecomers_.push_back({std::move(fd), client, &site});
      if (!recount_.is_linked()) loop.defer(recount_);
  }
}

// Whoever opens too many is not worth reading a request from: all get the same answer, at once.
void Worker::refuse(net::Fd fd, const Address& client) {
  net::dismiss(std::move(fd), too_many_from_address());
  census->leave();
  metrics.refused.add("too_many_from_address");
  log::info("net", "too many connections from one address, refusing another",
            {{"client", client.ip_text()}, {"most", rules().limits.connections_per_address}});
}

void Worker::welcome(net::Fd fd, const Address& client, const Site& site, bool counted) {
  metrics.active.add(1);
  ++open_;
  auto* connection = new Connection(*this, std::move(fd), client, site);
  connection->is_counted = counted;
  connections_.push_back(*connection);
  if (site.stations.connect && !site.app->on_connect(connection->link())) {
    metrics.refused.add("refused_by_app");
    return connection->close();
  }
  if (log::is_on(log::Level::Debug)) tell_of(*connection);
  connection->open();
}

void Worker::tell_of(const Connection& connection) const {
  const auto& link = connection.link();
  log::debug("net", "client has connected",
             {{"client", link.client.text()}, {"service", link.service}, {"worker", index}});
}

void Worker::count_out(const Address& client) {
  auto crowd = net::crowd_of(client);
  if (by_address->leave(crowd)) return;
  leavers_.push_back(crowd);
  if (!recount_.is_linked()) loop.defer(recount_);
}

// Those who could not be counted in the last turn. Leavers first, they make room.
void Worker::recount() noexcept {
  std::erase_if(leavers_, [this](auto crowd) { return by_address->leave(crowd); });
  auto late = std::exchange(latecomers_, {});
  for (auto& one : late) {
    admit(std::move(one.fd), one.client, *one.site);
    one.site->connections.fetch_sub(1, std::memory_order_release);
  }
  if (!leavers_.empty() && !recount_.is_linked()) loop.defer(recount_);
}

void Worker::retire(Connection& connection) noexcept {
  bool was_full = !has_room();
  census->leave();
  if (connection.is_counted) count_out(connection.link().client);
  delete &connection;
  --open_;
  metrics.active.add(-1);
  if (was_full && has_room()) on_room();
  if (is_draining() && open_ == 0) on_drained();
}

void Worker::begin_drain() {
  set_strain(kDraining, true);
  if (open_ == 0) return on_drained();
  end_idle_.arm(loop.timers(), loop.now() + kLastRequest);
}

void Worker::set_strain(std::uint8_t bits, bool on) noexcept {
  strain_ = static_cast<std::uint8_t>(on ? strain_ | bits : strain_ & ~bits);
}

bool Worker::refuses(const Link& link) const noexcept {
  bool is_new = link.requests == 1;
  return (strain_ & kRefuses) != 0 || (is_new && (strain_ & kIsLate) != 0);
}

void Worker::settle_patience() noexcept {
  idle_patience_ = proxy::idle_patience(memory_share_, rules().timeouts.client_idle);
}

void Worker::relieve(Rung rung, double share) {
  bool closed_idle = (strain_ & kClosesIdle) != 0;
  bool had_room = has_room();
  set_strain(kClosesIdle, rung >= Rung::CloseIdle);
  set_strain(kRetriesNone, rung >= Rung::NoRetries);
  set_strain(kRefuses, rung >= Rung::Refuse);
  set_strain(kAcceptsNone, rung >= Rung::NoAccept);
  memory_share_ = rung >= Rung::ShortIdle ? share : 0;
  auto before = idle_patience_;
  settle_patience();
  if (rung >= Rung::CloseIdle && !closed_idle) give_memory_back();
  if (idle_patience_ < before) {
    auto until = loop.now() + idle_patience_;
    connections_.for_each([until](Connection& connection) { connection.idle_no_later(until); });
  }
  if (!had_room && has_room()) on_room();
}

// Connections that wait for another request go; those that wait for their first may still have it.
void Worker::give_memory_back() {
  connections_.for_each([](Connection& connection) {
    if (connection.is_idle() && connection.link().requests > 0) connection.close();
  });
  blocks.trim();
  for (void* memory : std::exchange(spare_journeys_, {})) ::operator delete(memory);
}

void Worker::note_lag(Duration lag) {
  if (!lateness_.look(loop.now(), lag, rules().limits.loop_lag)) return;
  set_strain(kIsLate, lateness_.is_late());
  log::Fields fields = {{"worker", index}, {"lag_ms", lag / 1ms}};
  if (lateness_.is_late()) {
    log::warn("proxy", "a worker is late, refusing requests of new connections", fields);
  } else {
    log::info("proxy", "a worker is in time again", fields);
  }
}

void Worker::end_retired() {
  end_idle_.arm(loop.timers(), loop.now() + kLastRequest);
}

void Worker::end_idle() noexcept {
  connections_.for_each([this](Connection& connection) {
    bool unwanted = is_draining() || connection.site().retired.load(std::memory_order_relaxed);
    if (unwanted && connection.is_idle()) connection.close();
  });
}

void Worker::sever(const upstream::Backend& backend) {
  connections_.for_each([&](Connection& connection) { connection.sever(backend); });
}

void Worker::cut_connections() {
  connections_.for_each([](Connection& connection) { connection.close(); });
}

}  // namespace cirque::proxy
