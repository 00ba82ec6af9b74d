#pragma once
// From a health check as a file has it to its policy.
#include <string>

#include "config/finding.h"
#include "config/model.h"
#include "config/places.h"
#include "upstream/health_policy.h"

namespace cirque::config {

// What is wrong in itself is reported; the policy is sound in any case. `check` is the record that
// the file has filled: its place is where findings stand.
upstream::HealthPolicy health_policy_of(const HealthCheck& check, const Places& places,
                                        Report& report);

// "GET /health every 5s, for 2xx". For a check that has a path.
std::string told_of(const upstream::HealthPolicy& policy);

}  // namespace cirque::config
