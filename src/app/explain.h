#pragma once
// cirque explain: where a request would go, by the file or by the running process.
#include "app/cli.h"

namespace cirque::app {

// The exit status: 0 when the request finds a route.
int explain(const Command& command);

// The request that is meant, as fields of a request to the running process, and back.
std::vector<config::TableEntry> fields_of(const config::Asked& asked, const std::string& listener);
std::pair<config::Asked, std::string> asked_of(const Headers& fields);

}  // namespace cirque::app
