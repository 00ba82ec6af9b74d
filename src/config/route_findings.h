#pragma once
// Tells what a router's compiler has found where somebody wrote it.
#include <cstdint>
#include <span>

#include "config/model.h"
#include "config/places.h"
#include "config/report.h"
#include "route/finding.h"

namespace cirque::config {

// `hosts`: the numbers in the model of the virtual hosts that the router was compiled from, in that
// order.
void tell_findings(const route::Findings& findings, const Model& model,
                   std::span<const std::uint32_t> hosts, const Places& places, Report& report);

}  // namespace cirque::config
