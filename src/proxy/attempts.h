#pragma once
// Choose a peer, send, judge what came back, and try again while that is safe.
#include "proxy/journey.h"

namespace cirque::proxy {

// Leaves journey.call and the final answer's head in journey.response, or fails with the last
// error. Informational answers are passed to the client on the way.
Task<> attempt_until_answered(Journey& journey);

}  // namespace cirque::proxy
