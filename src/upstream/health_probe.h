#pragma once
// One health check of one backend: connects, and asks if there is something to ask for.
#include "cirque/task.h"
#include "loop/loop.h"
#include "upstream/backend.h"
#include "upstream/health_policy.h"

namespace cirque::upstream {

// On the steward's loop; the backend is there until it is over. An error says why the backend does
// not pass, unless is_ours().
Task<> probe(loop::Loop& loop, HealthPolicy policy, const Backend& backend);

// Want of descriptors or ports here: it says nothing of the backend.
bool is_ours(const Error& error) noexcept;

}  // namespace cirque::upstream
