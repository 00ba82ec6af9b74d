#pragma once
// The journey of one request, station by station, from its head to the last byte of its answer.
#include "proxy/journey.h"

namespace cirque::proxy {

// The head has been read into the journey. An error means that no complete answer was sent; whether
// one was begun, journey.client knows.
Task<> tell(Journey& journey);

// Sends journey.response, head and body, to the client.
Task<> deliver(Journey& journey);

}  // namespace cirque::proxy
