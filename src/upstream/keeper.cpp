#include "upstream/keeper.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/log.h"

namespace cirque::upstream {

Keeper::Keeper(loop::Loop& loop, net::Resolver& resolver, Directory& directory,
               observe::Registry& registry, HealthPace& pace, Pool& pool, KeeperSettings settings)
    : loop_(loop),
      resolver_(resolver),
      directory_(directory),
      registry_(registry),
      pool_(pool),
      metrics_(registry.add_pool(pool.name)),
      settings_(settings),
      checks_(loop, pace, settings.health,
              {.on_change = [this](const Seat& seat, bool healthy,
                                   std::string_view reason) { on_health(seat, healthy, reason); },
               .on_failure =
                   [this](const Seat& seat, std::string_view reason) {
                     registry_.count_failed_check(seat.metrics, reason);
                   }}) {}

void Keeper::start(std::vector<Origin> origins) {
  update(std::move(origins), settings_);
  has_started_ = true;
}

void Keeper::update(std::vector<Origin> origins, KeeperSettings settings) {
  settings_ = settings;
  checks_.set_policy(settings.health);
  pool_.budget.set_policy(settings.retries);
  std::multimap<std::string, std::unique_ptr<Entry>> before;
  for (auto& entry : entries_) before.emplace(entry->origin.text, std::move(entry));
  entries_.clear();
  for (auto& origin : origins) {
    auto known = before.find(origin.text);
    if (known == before.end()) {
      entries_.push_back(make_entry(std::move(origin)));
    } else {
      entries_.push_back(std::move(known->second));
      entries_.back()->origin = std::move(origin);
      before.erase(known);
    }
  }
  publish();
  bool sweeps = settings_.terms.has_outliers;
  if (sweeps && sweeping_.running() == 0) sweeping_.spawn(sweep_forever());
  for (auto& entry : entries_) {
    bool is_name = !entry->origin.address;
    if (is_name && entry->refreshing.running() == 0) {
      entry->refreshing.spawn(refresh_forever(*entry));
    }
  }
}

std::unique_ptr<Keeper::Entry> Keeper::make_entry(Origin origin) {
  auto entry = std::make_unique<Entry>();
  entry->listing = registry_.add_backend(metrics_, origin.text);
  entry->origin = std::move(origin);
  if (entry->origin.address) take(*entry, {*entry->origin.address});
  return entry;
}

bool Keeper::all_resolved() const noexcept {
  return std::ranges::none_of(entries_, [](const auto& entry) { return entry->seats.empty(); });
}

std::vector<OriginState> Keeper::states() const {
  std::vector<OriginState> states;
  for (const auto& entry : entries_) {
    auto& state = states.emplace_back(
        OriginState{.is_known = !entry->seats.empty(), .drains = entry->origin.drains});
    bool is_usable = false;
    state.is_cut = state.is_known;
    for (const auto& seat : entry->seats) {
      const auto& vitals = seat.standing->vitals;
      state.is_healthy |= !vitals.has(Ailment::Unhealthy);
      is_usable |= !vitals.has(Ailment::Unhealthy) && !vitals.has(Ailment::Ejected);
      ++state.members;
      state.usable += vitals.is_usable();
      state.is_cut &= seat.standing->gate.circuit(loop_.now()) == CircuitState::Open;
      state.places += seat.standing->gate.in_use();
      state.places_max += seat.standing->gate.limit();
      state.connections += seat.backend->connections.load(std::memory_order_relaxed);
    }
    state.is_ejected = state.is_healthy && !is_usable;
  }
  return states;
}

std::vector<std::shared_ptr<Backend>> Keeper::backends(std::string_view origin) const {
  std::vector<std::shared_ptr<Backend>> found;
  for (const auto& entry : entries_) {
    if (entry->origin.text != origin) continue;
    for (const auto& seat : entry->seats) found.push_back(seat.backend);
  }
  return found;
}

Task<> Keeper::refresh_forever(Entry& entry) {
  constexpr Duration kSoon = 1s;
  for (;;) {
    auto addresses = co_await resolver_.resolve(entry.origin.host, entry.origin.port);
    if (addresses) {
      bool changed = !std::ranges::equal(
          entry.seats, *addresses,
          [](const Seat& known, const Address& now) { return known.backend->key.address == now; });
      if (changed) {
        take(entry, *addresses);
        publish();
        log::info("upstream", "name resolved",
                  {{"pool", pool_.name},
                   {"name", entry.origin.text},
                   {"addresses", static_cast<std::int64_t>(addresses->size())}});
      }
      entry.trouble.clear();
    } else if (entry.trouble.empty()) {
      entry.trouble = addresses.error().reason;
      log::warn("upstream", "name does not resolve, trying on",
                {{"pool", pool_.name},
                 {"name", entry.origin.text},
                 {"addresses_kept", static_cast<std::int64_t>(entry.seats.size())}});
    }
    bool waiting_for_first = entry.seats.empty();
    co_await loop_.sleep(waiting_for_first ? std::min(kSoon, settings_.dns_refresh)
                                           : settings_.dns_refresh);
  }
}

// Who was there before stays as it is; who is new to a pool that runs is slow to start.
void Keeper::take(Entry& entry, const std::vector<Address>& addresses) {
  auto before = std::move(entry.seats);
  entry.seats.clear();
  for (const auto& address : addresses) {
    auto known = std::ranges::find(before, address,
                                   [](const Seat& seat) { return seat.backend->key.address; });
    if (known != before.end()) {
      entry.seats.push_back(*known);
      continue;
    }
    auto since = has_started_ ? loop_.now() : Vitals::kForEver;
    entry.seats.push_back(
        {.backend = directory_.find_or_add({address}, entry.origin.text, entry.listing.index,
                                           entry.listing.presence),
         .standing = std::make_shared<Standing>(directory_.bulletin, since),
         .metrics = entry.listing.index,
         .presence = entry.listing.presence});
  }
  tell_health(entry);
}

// A name is well as long as one of its addresses is.
void Keeper::tell_health(const Entry& entry) {
  bool is_well = std::ranges::any_of(
      entry.seats, [](const Seat& seat) { return !seat.standing->vitals.has(Ailment::Unhealthy); });
  registry_.set_healthy(entry.listing.index, is_well || entry.seats.empty());
}

// Null: it has left.
const Keeper::Entry* Keeper::entry_of(const Seat& seat) const noexcept {
  for (const auto& entry : entries_) {
    auto found = std::ranges::find(entry->seats, seat.standing, &Seat::standing);
    if (found != entry->seats.end()) return entry.get();
  }
  return nullptr;
}

void Keeper::publish() {
  std::vector<Seat> all;
  for (const auto& entry : entries_) {
    const auto& origin = entry->origin;
    for (auto& seat : entry->seats) {
      seat.weight = origin.weight;
      seat.priority = origin.priority;
      seat.rank = origin.rank;
      seat.drains = origin.drains;
      auto& vitals = seat.standing->vitals;
      origin.drains ? vitals.set(Ailment::Draining) : vitals.clear(Ailment::Draining, loop_.now());
      if (!settings_.terms.has_outliers) vitals.clear(Ailment::Ejected, loop_.now());
      all.push_back(seat);
    }
  }
  checks_.watch(all);
  pool_.set_roll(make_roll(std::move(all), settings_.terms));
  on_change();
}

void Keeper::on_health(const Seat& seat, bool healthy, std::string_view reason) {
  const auto& backend = *seat.backend;
  if (const auto* entry = entry_of(seat)) tell_health(*entry);
  if (healthy) pardon(seat);
  auto level = healthy ? log::Level::Info : log::Level::Warn;
  if (!log::is_on(level)) return;
  constexpr std::string_view kStates[] = {"unhealthy", "healthy"};
  auto before = kStates[healthy ? 0 : 1];
  auto now = kStates[healthy ? 1 : 0];
  log::write(level, "upstream",
             healthy ? "health state transition: unhealthy -> healthy"
                     : "health state transition: healthy -> unhealthy",
             {{"placement", pool_.name},
              {"backend", backend.name},
              {"url", "http://" + backend.key.address.text()},
              {"old_state", before},
              {"new_state", now},
              {"reason", healthy ? "checks_passed" : reason},
              {"timestamp", log::unix_seconds()}});
}

// It was down, which is why its answers were bad, and is no longer.
void Keeper::pardon(const Seat& seat) {
  auto roll = pool_.roll();
  if (roll->outliers.members.empty()) return;
  auto found = std::ranges::find(roll->seats, seat.standing, &Seat::standing);
  if (found == roll->seats.end()) return;
  auto place = static_cast<std::uint32_t>(found - roll->seats.begin());
  pool_.outliers.pardon(roll->outliers, place, loop_.now());
}

// Also after the pool has stopped asking for it: who is out then is to come back.
Task<> Keeper::sweep_forever() {
  constexpr Duration kEvery = 1s;
  for (;;) {
    co_await loop_.sleep(kEvery);
    auto roll = pool_.roll();
    if (roll->outliers.members.empty()) continue;
    pool_.outliers.sweep(
        roll->outliers, loop_.now(),
        [&](std::uint32_t place, EjectionCause cause) { on_ejection(*roll, place, cause); });
  }
}

void Keeper::on_ejection(const Roll& roll, std::uint32_t place, EjectionCause cause) {
  const auto& seat = roll.seats[place];
  const auto& [backend, standing] = std::tie(seat.backend, seat.standing);
  auto address = backend->key.address.text();
  registry_.set_ejected(seat.metrics, cause != EjectionCause::None);
  if (cause == EjectionCause::None) {
    log::info("upstream", "backend is back",
              {{"pool", pool_.name}, {"backend", backend->name}, {"address", address}});
    return;
  }
  auto left =
      std::chrono::ceil<std::chrono::seconds>(standing->conduct.ejected_until() - loop_.now());
  log::warn("upstream", "backend is left out",
            {{"pool", pool_.name},
             {"backend", backend->name},
             {"address", address},
             {"reason", name_of(cause)},
             {"seconds", static_cast<std::int64_t>(left.count())}});
}

}  // namespace cirque::upstream
