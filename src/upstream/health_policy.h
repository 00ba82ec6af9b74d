#pragma once
// What a pool's health checks ask for, and what they take for healthy. A value.
#include <bitset>
#include <string>
#include <utility>
#include <vector>

#include "cirque/clock.h"

namespace cirque::upstream {

// By status; 200 to 599 are what an answer can have in the end.
using StatusSet = std::bitset<600>;

inline StatusSet statuses_between(unsigned first, unsigned last) {
  StatusSet set;
  for (unsigned status = first; status <= last; ++status) set.set(status);
  return set;
}

struct HealthPolicy {
  Duration timeout = 500ms;
  Duration interval = 5s;
  unsigned unhealthy_threshold = 1;  // failures in a row
  unsigned healthy_threshold = 1;    // successes in a row
  std::string path = {};             // to ask for; empty: connecting is enough, and no more counts
  std::string host = {};             // whom to ask for; empty: the backend's address
  std::string method = "GET";
  // Sent as they are. None that frames the message or speaks of the connection, and no Host.
  std::vector<std::pair<std::string, std::string>> headers = {};
  StatusSet statuses = statuses_between(200, 299);
  std::string body = {};  // must occur in the body; empty: it is not looked at

  bool operator==(const HealthPolicy&) const = default;
};

}  // namespace cirque::upstream
