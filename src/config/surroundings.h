#pragma once
// What a configuration would meet on the machine that it is checked on. Comes in as an argument:
// the configuration may be for another machine.
#include <cstdint>
#include <functional>
#include <string>

#include "config/model.h"

namespace cirque::config {

struct Surroundings {
  // In words, such as "Address already in use"; empty: nothing speaks against it. A process that
  // runs with this model may have the address.
  std::function<std::string(const HostPort&, const Model&)> why_not_listen;
  // The same, of a file that is to be written, or made.
  std::function<std::string(const std::string& path)> why_not_write;
  std::uint64_t descriptors = 0;  // that a process may have
};

}  // namespace cirque::config
