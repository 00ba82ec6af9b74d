#pragma once
// Can what a route answers by itself be sent: its redirect, its fixed response?
#include "config/model.h"
#include "config/places.h"
#include "config/report.h"

namespace cirque::config {

// What is not is reported.
void check_redirect(const Redirect& redirect, const Places& places, Report& report);
void check_response(const Respond& respond, const Places& places, Report& report);

}  // namespace cirque::config
