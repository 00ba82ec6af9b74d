#pragma once
// After a 101: bytes both ways, no HTTP (RFC 9110 7.8). WebSocket and anything else that upgrades.
#include "proxy/journey.h"

namespace cirque::proxy {

// Sends the 101 and what came with it, then carries bytes until both sides have ended, one breaks,
// or neither has said anything for the tunnel's idle time-out.
Task<> tunnel(Journey& journey);

}  // namespace cirque::proxy
