#include "config/lower.h"

#include <deque>
#include <string>

#include "route/name_index.h"

namespace cirque::config {
namespace {

void lower_listener(Model& model, const Service& service, Places& places) {
  auto& listener = model.listeners.emplace_back();
  listener.name = service.name;
  listener.address = service.bind;
  places.same_record(&listener, &service);
  places.same(&listener.name, &service.name);
  places.same(&listener.address, &service.bind);
  listener.rate_limits = service.rate_limits;
  for (std::size_t i = 0; i < listener.rate_limits.size(); ++i) {
    places.same(&listener.rate_limits[i], &service.rate_limits[i]);
  }
}

void lower_pool(Model& model, const Service& service, Places& places) {
  auto& pool = model.pools.emplace_back();
  pool.name = service.name;
  pool.backends = service.upstreams;
  pool.health_check = service.health_check;
  places.same_record(&pool, &service);
  places.same(&pool.name, &service.name);
  places.same(&pool.backends, &service.upstreams);
  for (std::size_t i = 0; i < pool.backends.size(); ++i) {
    places.same(&pool.backends[i], &service.upstreams[i]);
  }
  places.same(&pool.health_check.timeout, &service.health_check.timeout);
  places.same(&pool.health_check.interval, &service.health_check.interval);
}

void lower_host(Model& model, const Service& service, Places& places) {
  auto& host = model.virtual_hosts.emplace_back();
  host.name = service.name;
  host.hosts = {"*"};
  host.listeners = {service.name};
  host.routes.emplace_back().target.pool = service.name;
  places.same_record(&host, &service);
  places.same_record(&host.routes.front(), &service);
}

// For hosts that were given no name: the first of theirs, by which messages and metrics call them.
// On another listener the same host may be again, and then has the listener in its name.
class HostNames {
 public:
  using Hosts = decltype(Model::virtual_hosts);

  // They stay where they are.
  explicit HostNames(const Hosts& hosts) : taken_(hosts.size()) {
    for (const auto& host : hosts) taken_.emplace(host.name, 0);
  }

  std::string name_for(const VirtualHost& host) {
    const auto& first = host.hosts.front();
    bool is_spoiled = host.listeners.size() == 1 && host.listeners.front().empty();
    if (is_spoiled) return first;  // of a service whose mistakes are told already
    if (taken_.emplace(first, 0).second) return first;
    if (!host.listeners.empty() && take(first + "@" + host.listeners.front())) return made_.back();
    // Still the same: it is one too many, which is told where the hosts are.
    while (!take(first + "#" + std::to_string(++number_))) {
    }
    return made_.back();
  }

 private:
  bool take(std::string name) {
    if (taken_.contains(name)) return false;
    taken_.emplace(made_.emplace_back(std::move(name)), 0);
    return true;
  }

  route::NameIndex taken_;
  std::deque<std::string> made_;
  unsigned number_ = 1;  // never the same again, so that thousands cost no more than each a look
};

}  // namespace

void lower(Model& model, Places& places) {
  if (!model.services.empty()) {
    // A service is on its own: virtual hosts for "all listeners" mean the others.
    std::vector<std::string> all;
    for (const auto& listener : model.listeners) all.push_back(listener.name);
    for (auto& host : model.virtual_hosts) {
      if (host.listeners.empty()) host.listeners = all;
    }
  }
  for (const auto& service : model.services) {
    lower_listener(model, service, places);
    lower_pool(model, service, places);
    lower_host(model, service, places);
  }
  HostNames names(model.virtual_hosts);
  for (auto& host : model.virtual_hosts) {
    if (host.name.empty() && !host.hosts.empty()) host.name = names.name_for(host);
  }
}

bool is_short_form(const Option& option) noexcept {
  return option.path == "services";
}

}  // namespace cirque::config
