#pragma once
// What no single value can tell: names and addresses that collide, limits that contradict each
// other, settings that are allowed but worth a warning.
#include "config/places.h"
#include "config/surroundings.h"

namespace cirque::config {

// The model is lowered. `here`: null when it is for another machine.
void check(const Model& model, const Places& places, Report& report,
           const Surroundings* here = nullptr);

}  // namespace cirque::config
