#include "proxy/worker.h"

#include <new>

#include "proxy/connection.h"

namespace cirque::proxy {

Worker::Worker(unsigned i, std::shared_ptr<const Edition> e, upstream::Directory& directory,
               observe::WorkerMetrics& m, observe::AccessLog::Writer* l)
    : index(i),
      metrics(m),
      log(l),
      roster(loop, directory, m, e->rules.connect),
      tenure_(new Tenure{std::move(e), 0}),
      end_idle_(*this) {}

Worker::~Worker() {
  cut_connections();
  for (void* memory : spare_journeys_) ::operator delete(memory);
}

void Worker::set_edition(std::shared_ptr<const Edition> edition) {
  roster.set_settings(edition->rules.connect);
  auto& before = *past_.emplace_back(std::move(tenure_));
  tenure_ = std::make_unique<Tenure>(std::move(edition), 0);
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
  metrics.active.add(1);
  ++open_;
  auto* connection = new Connection(*this, std::move(fd), client, site);
  connections_.push_back(*connection);
  if (site.stations.connect && !site.app->on_connect(connection->link())) {
    metrics.refused.add("refused_by_app");
    return connection->close();
  }
  connection->open();
}

void Worker::retire(Connection& connection) noexcept {
  bool was_full = !has_room();
  delete &connection;
  --open_;
  metrics.active.add(-1);
  if (was_full) on_room();
  if (draining_ && open_ == 0) on_drained();
}

void Worker::begin_drain() {
  draining_ = true;
  if (open_ == 0) return on_drained();
  end_idle_.arm(loop.timers(), loop.now() + kLastRequest);
}

void Worker::end_retired() {
  end_idle_.arm(loop.timers(), loop.now() + kLastRequest);
}

void Worker::end_idle() noexcept {
  connections_.for_each([this](Connection& connection) {
    bool unwanted = draining_ || connection.site().retired.load(std::memory_order_relaxed);
    if (unwanted && connection.is_idle()) connection.close();
  });
}

void Worker::cut_connections() {
  connections_.for_each([](Connection& connection) { connection.close(); });
}

}  // namespace cirque::proxy
