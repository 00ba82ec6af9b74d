#pragma once
// What a command says to whoever called it.
#include <cstdio>
#include <string>

namespace cirque::app {

// On stderr; the exit status for it.
inline int complain(const std::string& what) {
  std::fprintf(stderr, "cirque: %s\n", what.c_str());
  return 1;
}

}  // namespace cirque::app
