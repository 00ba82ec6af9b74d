#pragma once
// From a route as a file has it to what the router matches requests with.
#include "config/model.h"
#include "config/places.h"
#include "route/router.h"

namespace cirque::config {

// Without its target. Two paths, or two tests of one field, are reported.
route::RouteSpec route_spec_of(const Route& route, const Places& places, Report& report);

}  // namespace cirque::config
