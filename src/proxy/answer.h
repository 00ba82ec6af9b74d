#pragma once
// Our own replies: the one place that turns an error into a status, a page and a Proxy-Status
// field.
#include "cirque/exchange.h"

namespace cirque::proxy {

// The status for an error; 0: the client is gone and gets nothing (logged as 499).
int status_of(const Error& error) noexcept;

// Makes exchange.response the page for `error`: a short HTML or JSON body, as Accept prefers, with
// the reason and the request's id, and Proxy-Status (RFC 9209).
void make_error_answer(Exchange& exchange, int status, const Error& error);

// For a connection that is one too many from its address: an answer to whatever it asks, with the
// reason too_many_from_address.
std::string_view too_many_from_address() noexcept;

// A body of ready-made text that lives in the arena.
Body text_body(Arena& arena, std::string_view text);

}  // namespace cirque::proxy
