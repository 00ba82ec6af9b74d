#pragma once
// Short forms into what they stand for: each of `services` is a listener, a pool and a virtual host
// for everybody who connects there.
#include "config/places.h"

namespace cirque::config {

// The services come last in listeners, pools and virtual_hosts. Afterwards every virtual host has a
// name.
void lower(Model& model, Places& places);

// Is it a list that lower() has said in other words?
bool is_short_form(const Option& option) noexcept;

}  // namespace cirque::config
