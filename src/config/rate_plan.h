#pragma once
// A rate limit as requests meet it: what it allows, and which parts of a request tell one account
// from another.
#include <cstdint>
#include <string>
#include <vector>

#include "base/rate.h"
#include "config/request_part.h"

namespace cirque::config {

struct RatePlan {
  std::string name;
  base::Rate rate;
  std::vector<RequestPart> key;  // empty: all requests are one account
  unsigned ipv4_prefix = 32;
  unsigned ipv6_prefix = 64;
  std::size_t entries = 1;
  bool dry_run = false;
  bool headers = false;
  std::string policy;  // "login";q=5;w=60: an item of the field RateLimit-Policy
  std::string told;    // "login: 5 in 1m, 5 at once, by address (/32, /64)"
};

}  // namespace cirque::config
