#pragma once
// What a request has in the place of a configured part of it.
#include <cstdint>
#include <string_view>

#include "cirque/exchange.h"
#include "config/request_part.h"

namespace cirque::control {

// The value of the first cookie of that name; empty: there is none.
std::string_view cookie_of(const Request& request, std::string_view name);

// Of Header, Cookie, Query, Path and Method: the first of that name, decoded where it is a
// parameter, as %61 is no other client than a. Empty: the request does not have it, or it is no
// such part. A view of the request or of its arena.
std::string_view text_of(const config::RequestPart& part, Exchange& exchange);

// What is to stay with one backend. The same in every process and after every start, so that
// several proxies agree. Who does not have that part gets a number by chance: all of them are not
// to weigh on one backend.
std::uint64_t hash_of(const config::RequestPart& part, Exchange& exchange);

}  // namespace cirque::control
