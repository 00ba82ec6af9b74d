#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace cirque::base {

void check_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "cirque: broken assumption at %s:%d: %s\n", file, line, what);
  std::abort();
}

}  // namespace cirque::base
