#pragma once
// What no single value can tell: names and addresses that collide, limits that contradict each
// other, settings that are allowed but worth a warning.
#include "config/places.h"

namespace cirque::config {

// The model is lowered.
void check(const Model& model, const Places& places, Report& report);

}  // namespace cirque::config
