#pragma once
// The end of a story: what happened goes to the access log, the metrics and the app.
#include "proxy/journey.h"

namespace cirque::proxy {

// Called once, when the answer has been sent or given up. `reason`: what ended it; empty when all
// went well.
void record(Journey& journey, std::string_view reason) noexcept;

}  // namespace cirque::proxy
