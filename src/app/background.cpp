#include "app/background.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/check.h"

namespace cirque::app {

Background Background::detach() {
  int ends[2];
  CIRQUE_CHECK(pipe2(ends, O_CLOEXEC) == 0);
  net::Fd from_child(ends[0]);
  net::Fd to_parent(ends[1]);
  pid_t child = fork();
  CIRQUE_CHECK(child >= 0);
  if (child > 0) {
    to_parent = net::Fd();
    char byte;
    bool serves = read(from_child.get(), &byte, 1) == 1;
    _exit(serves ? 0 : 1);
  }
  setsid();
  return Background(std::move(to_parent));
}

void Background::ready() noexcept {
  // Standard error stays open until here, so that start-up errors are seen.
  net::Fd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing.get(), standard);
  char byte = 1;
  [[maybe_unused]] auto told = write(to_parent_.get(), &byte, 1);
  to_parent_ = net::Fd();
}

}  // namespace cirque::app
