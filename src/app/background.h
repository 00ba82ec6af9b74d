#pragma once
// Leaving the terminal (--daemon): the command returns when the proxy serves, and with its status
// when it cannot.
#include "net/socket.h"

namespace cirque::app {

// Before any thread is started. In the parent it does not return: it exits with what the child
// tells. In the child, `ready()` lets the parent go.
class Background {
 public:
  static Background detach();  // forks
  void ready() noexcept;       // the parent exits with 0; when the child dies before, with 1

 private:
  explicit Background(net::Fd to_parent) noexcept : to_parent_(std::move(to_parent)) {}

  net::Fd to_parent_;
};

}  // namespace cirque::app
