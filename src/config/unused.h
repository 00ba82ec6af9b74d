#pragma once
// What stands in a configuration and has nothing to do there.
#include <cstddef>
#include <vector>

#include "config/blueprint.h"
#include "config/places.h"
#include "config/report.h"

namespace cirque::config {

// What something else names, by number in the model.
struct Uses {
  explicit Uses(const Model& model);

  std::vector<bool> pools;  // a route or a routing table leads there
  std::vector<bool> rates, tables, backends;
  bool are_tags_asked_for = false;
};

// May a mistake be why nothing leads somewhere?
bool may_hide_uses(const Report& report);

// Says it, unless a mistake may be the reason. Who stands in for a pool of `plan` that is used, is.
void tell_unused(const Model& model, const Blueprint& plan, Uses uses, const Places& places,
                 Report& report);

}  // namespace cirque::config
