#pragma once
// What a change of configuration touches of what runs: listeners and their connections, backends.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/blueprint.h"

namespace cirque::app {

struct Touch {
  std::vector<std::string> opened;   // listeners that clients can connect to from then on
  std::vector<std::string> drained;  // listeners whose connections end with their answers, and how
                                     // many these are
  std::vector<std::string> joining;  // backends: "10.0.0.3:80 (pool web)"
  std::vector<std::string> leaving;  // these get no new requests, and finish what they have
};

// `connections`: open ones of a listener, by its name.
Touch touched_by(const config::Blueprint& before, const config::Blueprint& after,
                 const std::function<std::uint32_t(std::string_view)>& connections);

// For people; ends with a line break.
std::string render(const Touch& touch);

}  // namespace cirque::app
