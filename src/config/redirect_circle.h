#pragma once
// Redirects that lead to where they came from.
#include <string_view>

#include "config/model.h"
#include "route/router.h"

namespace cirque::config {

// True: a request that the route takes, sent again as the redirect says, comes to the same route.
// Where a part of the request decides that cannot be known here, or where the redirect leads to
// another host, port or scheme, false. `spec` is the route with the redirect, `host_name` one of
// the names that its virtual host has.
bool leads_to_itself(const Redirect& to, const route::RouteSpec& spec, const route::Router& router,
                     std::string_view host_name);

}  // namespace cirque::config
