#pragma once
// What of a request is to stay with one backend.
#include "cirque/exchange.h"
#include "config/blueprint.h"

namespace cirque::control {

// The same in every process and after every start, so that several proxies agree. 0: the request
// does not have it, and goes where it falls to.
std::uint64_t hash_of(const config::HashKey& key, const Exchange& exchange) noexcept;

}  // namespace cirque::control
