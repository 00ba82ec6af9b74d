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

namespace cirque::upstream {

// One entry of the configuration: an address, or a name that may be several.
struct Origin {
  std::string text;  // as it was written; the label of its metrics
  std::string host;
  std::uint16_t port = 0;
  std::optional<Address> address;
};

struct KeeperSettings {
  HealthPolicy health;
  Duration dns_refresh = 10s;
};

// Lives on the steward's loop, which outlives it; so do resolver, directory and registry.
class Keeper {
 public:
  Keeper(loop::Loop& loop, net::Resolver& resolver, Directory& directory,
         observe::Registry& registry, Pool& pool, KeeperSettings settings);

  // Addresses are members at once, names as soon as they resolve. A name that does not resolve is
  // tried for ever; one that did keeps its last addresses.
  void start(std::vector<Origin> origins);

  // From now on these, kept like that. Origins that were there before keep their addresses, their
  // health and their place in the turn's order of the new list; those that are not named any more
  // get no new requests.
  void update(std::vector<Origin> origins, KeeperSettings settings);

  bool all_resolved() const noexcept;

  // Of every origin: whether any of its addresses is healthy.
  std::vector<bool> states() const;

  // Called after the pool has other members.
  std::function<void()> on_change = [] {};

 private:
  struct Entry {
    Origin origin;
    unsigned metrics = 0;
    Members members;
    std::string trouble;  // the last failure, told once
    loop::Scope refreshing = {};
  };

  std::unique_ptr<Entry> make_entry(Origin origin);
  Task<> refresh_forever(Entry& entry);
  void take(Entry& entry, const std::vector<Address>& addresses);
  void publish();
  void on_health(const Backend& backend, bool healthy, std::string_view reason);

  loop::Loop& loop_;
  net::Resolver& resolver_;
  Directory& directory_;
  observe::Registry& registry_;
  Pool& pool_;
  const unsigned metrics_;  // of the pool
  KeeperSettings settings_;
  std::vector<std::unique_ptr<Entry>> entries_;
  HealthChecks checks_;
};

}  // namespace cirque::upstream
