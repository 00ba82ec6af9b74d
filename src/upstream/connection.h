#pragma once
// An open connection to a backend, between and during requests. While idle it is a socket and this.
#include <memory>

#include "base/list.h"
#include "net/stream.h"
#include "upstream/backend.h"

namespace cirque::upstream {

class Local;

// One core at a time; parked ones move between cores as bare descriptors (overflow.h).
class Connection final : public base::ListHook, private loop::Wake {
 public:
  Connection(loop::Loop& loop, net::Fd fd, Claim c, Time born_at) noexcept
      : Wake([](Wake& w) noexcept { static_cast<Connection&>(w).woken_while_idle(); }),
        stream(loop, std::move(fd), Side::Upstream),
        claim(std::move(c)),
        born(born_at) {}

  net::Stream stream;
  Claim claim;
  const Time born;
  Time idle_since{};
  unsigned requests = 0;  // begun on it

  // While idle, any byte, the end or the deadline makes `home` drop it.
  void idle_in(Local& home, Time until) noexcept {
    home_ = &home;
    stream.expect(*this, until);
  }

  void leave_idle() noexcept {
    stream.expect_nothing();
    home_ = nullptr;
  }

 private:
  void woken_while_idle() noexcept;

  Local* home_ = nullptr;
};

}  // namespace cirque::upstream
