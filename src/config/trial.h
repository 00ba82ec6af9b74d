#pragma once
// The tests of a configuration: requests, and where they are to go, tried without sockets by the
// code that the workers run.
#include "config/blueprint.h"

namespace cirque::config {

// Every expectation that does not come true is a finding. The count of tests that failed.
std::size_t run_tests(const Model& model, const Blueprint& blueprint, const Places& places,
                      Report& report);

}  // namespace cirque::config
