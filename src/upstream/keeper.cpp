#include "upstream/keeper.h"

#include <algorithm>

#include "base/log.h"

namespace cirque::upstream {

Keeper::Keeper(loop::Loop& loop, net::Resolver& resolver, Directory& directory,
               observe::Registry& registry, Pool& pool, KeeperSettings settings)
    : loop_(loop),
      resolver_(resolver),
      directory_(directory),
      registry_(registry),
      pool_(pool),
      metrics_(registry.add_pool(pool.name)),
      settings_(settings),
      checks_(loop, settings.health,
              [this](const Backend& backend, bool healthy, std::string_view reason) {
                on_health(backend, healthy, reason);
              }) {}

void Keeper::start(std::vector<Origin> origins) {
  update(std::move(origins), settings_);
}

void Keeper::update(std::vector<Origin> origins, KeeperSettings settings) {
  settings_ = settings;
  checks_.set_policy(settings.health);
  auto before = std::move(entries_);
  entries_.clear();
  for (auto& origin : origins) {
    auto known = std::ranges::find_if(
        before, [&](const auto& entry) { return entry && entry->origin.text == origin.text; });
    entries_.push_back(known != before.end() ? std::move(*known) : make_entry(std::move(origin)));
  }
  publish();
  for (auto& entry : entries_) {
    bool is_name = !entry->origin.address;
    if (is_name && entry->refreshing.running() == 0) {
      entry->refreshing.spawn(refresh_forever(*entry));
    }
  }
}

std::unique_ptr<Keeper::Entry> Keeper::make_entry(Origin origin) {
  auto entry = std::make_unique<Entry>();
  entry->metrics = registry_.add_backend(metrics_, origin.text);
  entry->origin = std::move(origin);
  if (entry->origin.address) take(*entry, {*entry->origin.address});
  return entry;
}

bool Keeper::all_resolved() const noexcept {
  return std::ranges::none_of(entries_, [](const auto& entry) { return entry->members.empty(); });
}

std::vector<bool> Keeper::states() const {
  std::vector<bool> states;
  for (const auto& entry : entries_) {
    states.push_back(std::ranges::any_of(
        entry->members, [](const auto& backend) { return backend->healthy.load(); }));
  }
  return states;
}

Task<> Keeper::refresh_forever(Entry& entry) {
  constexpr Duration kSoon = 1s;
  for (;;) {
    auto addresses = co_await resolver_.resolve(entry.origin.host, entry.origin.port);
    if (addresses) {
      bool changed = !std::ranges::equal(
          entry.members, *addresses, [](const std::shared_ptr<Backend>& known, const Address& now) {
            return known->key.address == now;
          });
      if (changed) {
        log::info("upstream", "name resolved",
                  {{"pool", pool_.name},
                   {"name", entry.origin.text},
                   {"addresses", static_cast<std::int64_t>(addresses->size())}});
        take(entry, *addresses);
        publish();
      }
      entry.trouble.clear();
    } else if (entry.trouble.empty()) {
      entry.trouble = addresses.error().reason;
      log::warn("upstream", "name does not resolve, trying on",
                {{"pool", pool_.name},
                 {"name", entry.origin.text},
                 {"addresses_kept", static_cast<std::int64_t>(entry.members.size())}});
    }
    bool waiting_for_first = entry.members.empty();
    co_await loop_.sleep(waiting_for_first ? std::min(kSoon, settings_.dns_refresh)
                                           : settings_.dns_refresh);
  }
}

void Keeper::take(Entry& entry, const std::vector<Address>& addresses) {
  Members members;
  for (const auto& address : addresses) {
    members.push_back(directory_.find_or_add({address}, entry.origin.text, entry.metrics));
  }
  entry.members = std::move(members);
  registry_.set_healthy(entry.metrics, true);
}

void Keeper::publish() {
  Members all;
  for (const auto& entry : entries_) {
    all.insert(all.end(), entry->members.begin(), entry->members.end());
  }
  checks_.watch(all);
  pool_.set_members(std::move(all));
  on_change();
}

void Keeper::on_health(const Backend& backend, bool healthy, std::string_view reason) {
  registry_.set_healthy(backend.metrics, healthy);
  auto address = backend.key.address.text();
  if (healthy) {
    log::info("upstream", "backend is up",
              {{"pool", pool_.name}, {"backend", backend.name}, {"address", address}});
  } else {
    log::warn("upstream", "backend is down",
              {{"pool", pool_.name},
               {"backend", backend.name},
               {"address", address},
               {"reason", reason}});
  }
}

}  // namespace cirque::upstream
