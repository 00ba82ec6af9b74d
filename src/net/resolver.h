#pragma once
// Names to addresses, without ever blocking a thread (c-ares). Used by the steward.
#include <memory>
#include <string>
#include <vector>

#include "cirque/address.h"
#include "cirque/task.h"
#include "loop/loop.h"

namespace cirque::net {

// Lives on one loop, and outlives every task that it gave.
class Resolver {
 public:
  // Asks `servers`; without any, those of /etc/resolv.conf.
  explicit Resolver(loop::Loop& loop, const std::vector<Address>& servers = {});
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  // All addresses of `host`, IPv4 and IPv6, sorted, each with `port`; from the hosts file, then
  // DNS. Errors: upstream_dns_failed.
  Task<std::vector<Address>> resolve(const std::string& host, std::uint16_t port);

 private:
  struct Channel;
  std::unique_ptr<Channel> channel_;
};

}  // namespace cirque::net
