#pragma once
// From a route as a file has it to what the router matches requests with.
#include "config/model.h"
#include "config/places.h"
#include "route/router.h"

namespace cirque::config {

// Without its target. Two paths, or two tests of one field, are reported.
route::RouteSpec route_spec_of(const Route& route, const Places& places, Report& report);

// Of a field that no request has any more when it is asked for: why, in words.
std::string_view why_kept_back(std::string_view name);

}  // namespace cirque::config
