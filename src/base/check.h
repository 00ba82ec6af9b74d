// CHECK states what the code relies on. It is always on: a broken assumption ends the process with
// a line that says where, instead of letting it limp on. Input is never a CHECK, it is a Result.
#pragma once

namespace cirque::base {

[[noreturn, gnu::cold]] void check_failed(const char* what, const char* file, int line) noexcept;

}  // namespace cirque::base

#define CIRQUE_CHECK(condition)                      \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::cirque::base::check_failed(#condition, __FILE_NAME__, __LINE__))
