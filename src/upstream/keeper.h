#pragma once
// Keeps one pool true: names are resolved again and again, members probed, changes told.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loop/scope.h"
#include "net/resolver.h"
#include "observe/metrics.h"
#include "upstream/directory.h"
#include "upstream/health.h"
#include "upstream/pool.h"

namespace cirque::upstream {

// One entry of the configuration: an address, or a name that may be several.
struct Origin {
  std::string text;  // as it was written; the label of its metrics
  std::string host;
  std::uint16_t port = 0;
  std::optional<Address> address;
  std::uint32_t weight = 1;  // of each of its addresses
  std::uint32_t priority = 0;
  Rank rank = Rank::Main;
  bool drains = false;  // gets no new requests

  bool operator==(const Origin&) const = default;
};

struct KeeperSettings {
  HealthPolicy health;
  RollTerms terms = {};
  RetryPolicy retries = {};
  Duration dns_refresh = 10s;
};

// How an origin fares, all its addresses taken together.
struct OriginState {
  bool is_known = false;    // it has an address
  bool is_healthy = false;  // one of its addresses is, as checks say
  bool is_ejected = false;  // all that are healthy were left out for what they did
  bool drains = false;
  bool is_cut = false;            // the breakers of all its addresses are open
  std::uint32_t places = 0;       // taken with those of its addresses that limit their requests
  std::uint32_t places_max = 0;   // of so many; 0: there is no limit
  std::uint32_t connections = 0;  // open ones, idle or not
  std::uint32_t members = 0;      // addresses
  std::uint32_t usable = 0;       // of these
};

// Lives on the steward's loop, which outlives it; so do resolver, directory, registry and pace.
class Keeper {
 public:
  Keeper(loop::Loop& loop, net::Resolver& resolver, Directory& directory,
         observe::Registry& registry, HealthPace& pace, Pool& pool, KeeperSettings settings);

  // Addresses are members at once, names as soon as they resolve. A name that does not resolve is
  // tried for ever; one that did keeps its last addresses.
  void start(std::vector<Origin> origins);

  // From now on these, kept like that. Origins that were there before keep their addresses, their
  // health and their place in the turn's order of the new list; those that are not named any more
  // get no new requests.
  void update(std::vector<Origin> origins, KeeperSettings settings);

  bool all_resolved() const noexcept;

  // Of the origin that is written like that; empty: there is none, or it has no address yet.
  std::vector<std::shared_ptr<Backend>> backends(std::string_view origin) const;

  // In the order of the origins.
  std::vector<OriginState> states() const;

  // Called after the pool has other members.
  std::function<void()> on_change = [] {};

 private:
  struct Entry {
    Origin origin;
    observe::Registry::Listing listing;
    std::vector<Seat> seats;
    std::string trouble;  // the last failure, told once
    loop::Scope refreshing = {};
  };

  std::unique_ptr<Entry> make_entry(Origin origin);
  Task<> refresh_forever(Entry& entry);
  void take(Entry& entry, const std::vector<Address>& addresses);
  void tell_health(const Entry& entry);
  const Entry* entry_of(const Seat& seat) const noexcept;
  void publish();
  void on_health(const Seat& seat, bool healthy, std::string_view reason);
  void pardon(const Seat& seat);
  Task<> sweep_forever();
  void on_ejection(const Roll& roll, std::uint32_t place, EjectionCause cause);

  loop::Loop& loop_;
  net::Resolver& resolver_;
  Directory& directory_;
  observe::Registry& registry_;
  Pool& pool_;
  const unsigned metrics_;  // of the pool
  KeeperSettings settings_;
  std::vector<std::unique_ptr<Entry>> entries_;
  HealthChecks checks_;
  bool has_started_ = false;  // who joins after that is new to the pool
  loop::Scope sweeping_;
};

}  // namespace cirque::upstream
