#pragma once
// What a model comes to once all its names are looked up: routers, and where their routes lead. The
// workers, `cirque explain` and config tests decide by the same blueprint.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cirque/address.h"
#include "cirque/exchange.h"
#include "config/model.h"
#include "config/places.h"
#include "config/rate_plan.h"
#include "config/request_part.h"
#include "config/secret_tests.h"
#include "http/page.h"
#include "route/key_table.h"
#include "route/router.h"
#include "route/split.h"
#include "upstream/guard.h"
#include "upstream/health_policy.h"
#include "upstream/keeper.h"

namespace cirque::config {

using route::kNone;
class Secrets;

struct RetryPlan {
  RetryTerms terms;
  upstream::RetryPolicy budget;
  Duration backoff = 25ms;
  Duration backoff_max = 1s;
  bool same_backend = false;  // once nobody else is left
  std::size_t body_max = 0;   // of a request's body that is kept to be sent again

  bool operator==(const RetryPlan&) const = default;
};

// Indices in Blueprint::rates.
using RateList = std::vector<std::uint32_t>;

struct PoolPlan {
  std::string name;
  std::string host;  // that is asked for; empty: the client's
  std::vector<upstream::Origin> origins;
  upstream::HealthPolicy health;
  upstream::GuardPolicy guard;
  upstream::RollTerms terms;
  std::optional<RequestPart> hash_by;  // what of a request is to stay with one backend
  // A backend is chosen by more than whose turn it is: the request, or who has room.
  bool is_particular = false;
  RetryPlan retries;
  std::uint32_t fallback = kNone;
  std::uint64_t body_max = 0;  // 0: any
  RateList rates = {};
  // For explanations: the backends behind the first so many origins are there for their tag. The
  // ids of `backends`, by origin: shorter where the last have none.
  std::string tag = {};
  std::size_t untagged = 0;
  std::vector<std::string> ids = {};

  // Nothing has to be looked at before a request goes there.
  bool is_plain() const noexcept {
    return host.empty() && !guard.is_any() && !terms.gates.is_any() && fallback == kNone &&
           body_max == 0;
  }
};

// Where a route leads: `index` in the list of that kind.
struct Target {
  enum class Kind : std::uint8_t { Pool, Split, Table, Redirect, Respond, Report };
  Kind kind = Kind::Pool;
  std::uint32_t index = kNone;
};

struct RoutePlan {
  std::string label;  // "shop/api", for logs; empty for a route that nobody has named
  Target target;
  RateList rates = {};
  std::uint64_t id = 0;  // the same in another configuration, if it has a name
};

struct SplitPlan {
  route::Split split;
  std::vector<std::uint32_t> pools;    // by the split's index
  std::vector<std::uint32_t> weights;  // of these
};

struct TablePlan {
  std::string name;
  std::string header;
  route::KeyTable keys;       // to indices in Blueprint::pools
  std::vector<bool> is_tier;  // by pool
  std::uint32_t otherwise = kNone;
  bool has_rates = false;
  route::KeyTable rates = {};  // from keys to indices in Blueprint::rates
};

struct LanePlan {
  std::string name;
  HostPort address;
  std::shared_ptr<const route::Router> router;
  std::vector<std::uint32_t> hosts;  // the router's hosts, as indices in Blueprint::hosts
  // Not kNone: every request goes to this pool, whatever it says, and nothing stands before it.
  std::uint32_t only_pool = kNone;
  RateList rates = {};
  // Not kNone: every request takes this route to a pool, past these rate limits, of all places
  // together, and past what stands before the pool.
  std::uint32_t only_route = kNone;  // in Blueprint::routes
  RateList only_rates = {};
  std::vector<SecretTest> secrets = {};  // of its router
};

// What is to be done with a request.
struct Decision {
  enum class Kind : std::uint8_t { Forward, Redirect, Respond, Report, NoHost, NoRoute, NoKey };
  Kind kind = Kind::NoHost;
  std::uint32_t index = kNone;  // the pool; or in redirects, responds
  const RoutePlan* route = nullptr;
  const TablePlan* table = nullptr;  // that has chosen the pool
  std::string_view key = {};         // what was looked up there; a view of the request
  bool key_known = false;
  std::uint32_t host = kNone;  // in Blueprint::hosts

  std::string_view route_reason(std::uint32_t pool) const noexcept;  // dedicated, tier, default
};

// The rate limits that a request meets, by their indices in Blueprint::rates, each of them once.
class RatesMet {
 public:
  static constexpr std::size_t kListMax = 8;  // in one list of a file; chosen by feel

  void add(std::uint32_t rate) noexcept;

  void add(const RateList& rates) noexcept {
    for (auto rate : rates) add(rate);
  }

  const std::uint32_t* begin() const noexcept { return at_.data(); }

  const std::uint32_t* end() const noexcept { return at_.data() + size_; }

  std::size_t size() const noexcept { return size_; }

 private:
  // Of a listener, a host, a route and a pool, and one of a key.
  std::array<std::uint32_t, 4 * kListMax + 1> at_;
  std::size_t size_ = 0;
};

// The status and the slug of a decision that sends nothing on; of Redirect and Respond no slug.
struct Refusal {
  int status;
  std::string_view reason;
};

// By the names of what routes ask of a request, beside host, path, method and source.
struct Interests {
  std::vector<std::string> fields;  // without those that have secrets, and without Cookie
  std::vector<std::string> parameters;
  std::vector<std::string> cookies;
};

// Immutable once compiled: share it between threads.
struct Blueprint {
  std::vector<LanePlan> lanes;  // by listener
  std::vector<std::string> hosts;
  std::vector<RoutePlan> routes;  // route::Match::target
  std::vector<PoolPlan> pools;    // those of the model, then one for every tag that is asked for
  std::vector<SplitPlan> splits;
  std::vector<TablePlan> tables;
  std::vector<Redirect> redirects;
  std::vector<Respond> responds;
  http::ErrorPages error_pages;                    // of all hosts
  std::vector<http::ErrorPages> host_error_pages;  // by host; empty when none has pages of its own
  std::vector<RatePlan> rates;
  std::vector<RateList> host_rates;  // by host
  std::shared_ptr<const Interests> interests = std::make_shared<const Interests>();
  std::vector<Network> trusted_proxies;

  // `random` chooses between the sides of a split.
  Decision decide(const LanePlan& lane, const route::Facts& facts,
                  std::uint64_t random) const noexcept;

  // The same, where the route is known.
  Decision lead(const LanePlan& lane, const route::Match& match, const route::Facts& facts,
                std::uint64_t random) const noexcept;

  // Of a lane with an only_route: what decide() comes to, whatever is asked.
  Decision only_decision(const LanePlan& lane) const noexcept;

  // Of the listener, then of the host, the route, the routing key and the pool.
  RatesMet rates_met(const LanePlan& lane, const Decision& decision) const noexcept;

  Refusal refusal(const Decision& decision) const noexcept;

  // The page for an error on that listener: of the host that was asked for, else of all. Null:
  // there is none.
  const http::PageTemplate* error_page(const LanePlan& lane, std::string_view authority, int status,
                                       http::PageLanguage language) const noexcept;

  // Of the listener; null: there is none of that name.
  const LanePlan* lane(std::string_view name) const noexcept;
};

// What is wrong with names and routes is reported; the blueprint is usable when nothing was. The
// model is lowered.
std::shared_ptr<const Blueprint> compile(const Model& model, const Places& places,
                                         const Secrets& secrets, Report& report);

// The Location of a redirect. `scheme` is that of the request.
std::string location_of(const Redirect& redirect, std::string_view scheme,
                        std::string_view authority, std::string_view path, std::string_view query);

}  // namespace cirque::config
