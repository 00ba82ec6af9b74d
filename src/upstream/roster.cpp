#include "upstream/roster.h"

#include <algorithm>

#include "base/log.h"

namespace cirque::upstream {
namespace {

[[gnu::cold, gnu::noinline]] void tell(const Backend& backend, Duration took) {
  log::debug("upstream", "connected",
             {{"backend", backend.name},
              {"address", backend.key.address.text()},
              {"ms", std::chrono::duration<double, std::milli>(took).count()}});
}

}  // namespace

void Connection::woken_while_idle() noexcept {
  Local& home = *home_;
  bool expired = stream.timed_out();
  if (!expired && stream.watch().saw_end) {
    claim->learn_idle_close(stream.loop().now() - idle_since);
  }
  home.drop_idle(*this);  // ends our life
  home.metrics.expired.add();
}

Local::~Local() {
  close_idle();
}

void Local::close_idle() noexcept {
  while (auto* connection = idle_.front()) {
    drop_idle(*connection);
    metrics.evictions.add();
  }
}

void Local::let_go() noexcept {
  if (--holds_ > 0 || !is_leaving()) return;
  roster_.locals_.erase(backend.get());  // ends our life
}

void Local::drop_idle(Connection& connection) noexcept {
  connection.unlink();
  --idle_count_;
  --roster_.idle_;
  metrics.idle.add(-1);
  delete &connection;
}

Roster::Roster(loop::Loop& loop, Directory& directory, observe::WorkerMetrics& metrics,
               const ConnectSettings& settings)
    : loop_(loop), directory_(directory), metrics_(metrics), settings_(&settings), sweep_(*this) {}

Roster::~Roster() {
  locals_.clear();  // they count down our idle connections
}

Hold Roster::hold(Backend& backend) {
  return Hold(local(backend));
}

Local& Roster::local(Backend& backend) {
  auto& slot = locals_[&backend];
  if (!slot) {
    slot = std::make_unique<Local>(*this, backend.shared_from_this(),
                                   metrics_.backend(backend.metrics));
  }
  return *slot;
}

Hold Roster::hold(const Address& address, std::string_view name, unsigned metrics_index) {
  auto& known = by_address_[address.hash()];
  for (auto* local : known) {
    if (local->backend->key.address == address) return Hold(*local);
  }
  auto label = name.empty() ? address.text() : std::string(name);
  auto backend = directory_.find_or_add({address}, label, metrics_index);
  auto& made = *known.emplace_back(&local(*backend));
  made.named_by_app_ = true;
  return Hold(made);
}

void Roster::forget_departed() noexcept {
  std::erase_if(locals_, [](const auto& entry) {
    Local& local = *entry.second;
    if (!local.is_leaving()) return false;
    local.close_idle();
    return local.holds_ == 0;
  });
}

Duration Roster::patience(const Backend& backend) const noexcept {
  return std::min(settings_->keep_alive,
                  Duration(backend.keep_alive_ns.load(std::memory_order_relaxed)));
}

std::unique_ptr<Connection> Roster::take_idle(Local& local) {
  auto limit = patience(*local.backend);
  while (auto* newest = local.idle_.pop_front()) {
    std::unique_ptr<Connection> connection(newest);
    --local.idle_count_;
    --idle_;
    local.metrics.idle.add(-1);
    connection->leave_idle();
    const auto& watch = connection->stream.watch();
    bool quiet = !watch.saw_end && !watch.may_read;  // bytes that nobody asked for explain nothing
    bool alive = quiet && loop_.now() - connection->idle_since < limit;
    if (alive) return connection;
  }
  auto parked = directory_.overflow.take(*local.backend, loop_.now(), settings_->keep_alive);
  if (!parked) return nullptr;
  local.metrics.overflow_taken.add();
  auto connection = std::make_unique<Connection>(loop_, std::move(parked->fd),
                                                 std::move(parked->claim), parked->born);
  connection->requests = parked->requests;
  connection->stream.watch().may_read = false;  // it was looked at a moment ago
  return connection;
}

Task<std::unique_ptr<Connection>> Roster::dial(Local& local) {
  auto claim = claim_room(local);
  if (!claim) {
    auto room = co_await ok(await_room(local));
    if (room.freed) co_return std::move(room.freed);
    claim = std::move(room.claim);
  }
  const Time began = loop_.now();
  auto fd =
      co_await ok(net::begin_connect(local.backend->key.address, settings_->congestion_control));
  auto connection =
      std::make_unique<Connection>(loop_, std::move(fd), std::move(*claim), loop_.now());
  auto& stream = connection->stream;
  stream.watch().may_write = false;
  auto writable = co_await stream.writable(began + settings_->connect);
  if (!writable) {
    co_return fail({.fault = Fault::Timeout,
                    .side = Side::Upstream,
                    .replayable = true,
                    .reason = "upstream_connect_timeout"});
  }
  co_await ok(net::finish_connect(stream.watch().fd()));
  stream.watch().may_read = false;  // registered since before the connect: an edge will tell
  local.metrics.connects.add();
  if (log::is_on(log::Level::Debug)) tell(*local.backend, loop_.now() - began);
  co_return connection;
}

std::optional<Claim> Roster::claim_room(const Local& local) const noexcept {
  return Claim::try_make(local.backend, settings_->connections_max);
}

// Connections come free on any core and nobody tells: at the limit, which is rare, we look again
// soon. One that has become idle meanwhile is as good as room for a new one.
Task<Roster::Room> Roster::await_room(Local& local) {
  constexpr Duration kLook = 5ms;
  Time until = loop_.now() + settings_->connect;
  for (;;) {
    if (auto idle = take_idle(local)) co_return Room{.freed = std::move(idle), .claim = {}};
    if (auto claim = claim_room(local)) co_return Room{.freed = {}, .claim = std::move(claim)};
    if (loop_.now() >= until) {
      co_return fail({.fault = Fault::Overload,
                      .side = Side::Upstream,
                      .replayable = true,
                      .status = 503,
                      .reason = "upstream_connection_limit"});
    }
    co_await loop_.sleep(kLook);
  }
}

void Roster::give_back(Local& local, std::unique_ptr<Connection> connection) {
  bool full = local.idle_count_ >= settings_->idle_max;
  if (full || local.is_leaving() || !connection->stream.is_quiet()) {
    local.metrics.evictions.add();
    return;
  }
  connection->idle_since = loop_.now();
  connection->idle_in(local, loop_.now() + patience(*local.backend));
  local.idle_.push_front(*connection.release());
  ++local.idle_count_;
  local.metrics.idle.add(1);
  if (idle_++ == 0 && settings_->share_idle) sweep_.arm(loop_.timers(), loop_.now() + kParkAfter);
}

// The oldest are at the back; what has idled long enough there is parked for all cores.
void Roster::offer_idle() noexcept {
  for (auto& [key, local] : locals_) {
    while (auto* oldest = local->idle_.back()) {
      if (loop_.now() - oldest->idle_since < kParkAfter) break;
      std::unique_ptr<Connection> connection(oldest);
      oldest->unlink();
      --local->idle_count_;
      --idle_;
      local->metrics.idle.add(-1);
      connection->leave_idle();
      if (connection->stream.watch().saw_end) continue;
      auto requests = connection->requests;
      Parked parked{connection->stream.release(), std::move(connection->claim), connection->born,
                    connection->idle_since, requests};
      if (directory_.overflow.park(std::move(parked))) local->metrics.overflow_given.add();
    }
  }
  if (idle_ > 0) sweep_.arm(loop_.timers(), loop_.now() + kParkAfter);
}

}  // namespace cirque::upstream
