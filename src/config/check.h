#pragma once
// What no single value can tell: names and addresses that collide, limits that contradict each
// other, settings that are allowed but worth a warning.
#include <map>
#include <string>

#include "config/model.h"
#include "config/report.h"

namespace cirque::config {

// Where the file gave a value, by its path ("services[0].name"). A value that is not here was not
// given, or was wrong and is reported already.
using Places = std::map<std::string, Spot, std::less<>>;

void check(const Model& model, const Places& places, Report& report);

}  // namespace cirque::config
