#pragma once
// What a router may know of a request, and what it answers.
#include <cstdint>
#include <string_view>

#include "cirque/address.h"
#include "cirque/http.h"
#include "route/flat_index.h"

namespace cirque::route {

// Views of a request; they must live as long as the call that takes them. Path and query are
// those of http::read_target: canonical, and what is forwarded.
struct Facts {
  std::string_view host = {};  // as the client sent it, with or without port; empty: none
  Method method = Method::Get;
  std::string_view method_text = "GET";
  std::string_view path = "/";
  std::string_view query = {};
  const Headers* headers = nullptr;  // null: no field is there
  const Address* source = nullptr;   // null: in no network
  std::string_view upgrade = {};     // what the field Upgrade is for routes

  static Facts of(const Request& request, const Address& source) noexcept {
    return {request.authority, request.method, request.method_text, request.path(), request.query(),
            &request.headers,  &source,        request.upgrade};
  }
};

// Which route takes a request. Plain numbers, valid for the router that gave them.
struct Match {
  std::uint32_t host = kNone;    // in the list of virtual hosts; kNone: no host has that name
  std::uint32_t route = kNone;   // in that host's list; kNone: no route of the host took it
  std::uint32_t target = kNone;  // RouteSpec::target
  // Among all routes of the router, counted host after host: for per-route state in one array.
  std::uint32_t ordinal = kNone;

  explicit operator bool() const noexcept { return route != kNone; }

  bool operator==(const Match&) const = default;
};

}  // namespace cirque::route
