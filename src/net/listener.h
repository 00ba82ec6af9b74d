#pragma once
// A listening socket of one worker: accepts in batches, and backs off instead of spinning when the
// process is out of descriptors.
#include <functional>

#include "cirque/address.h"
#include "loop/loop.h"
#include "net/socket.h"

namespace cirque::net {

class Listener {
 public:
  // Handed every accepted socket, on the loop's thread.
  using Accept = std::function<void(Fd, const Address& client)>;
  // Takes room for another connection. When there is none, connections wait in the kernel's
  // backlog.
  using Room = std::function<bool()>;
  // Nobody has come for it.
  using Unused = std::function<void()>;
  using Trouble = std::function<void(int error)>;

  struct Hooks {
    Accept accept;
    Room room;
    Unused unused;
    Trouble trouble;  // accept() failed for want of descriptors or memory
  };

  Listener(loop::Loop& loop, Fd fd, Hooks hooks);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Takes what already waits in the backlog, then closes: a connection that the kernel has
  // established is served, not reset.
  void close();
  // There is room again.
  void resume() noexcept;

  bool is_open() const noexcept { return static_cast<bool>(fd_); }

  int fd() const noexcept { return fd_.get(); }

 private:
  // Enough to empty a burst, few enough that requests in progress get their turn.
  static constexpr int kBatch = 64;
  static constexpr Duration kBackoff = 50ms;
  // Where there is no room: somebody else may make some, and tells nobody.
  static constexpr Duration kLookAgain = 10ms;

  void accept_batch() noexcept;
  enum class Accepted : std::uint8_t { One, Nobody, NotNow };
  bool accept_next();  // false: nothing more for now
  Accepted accept_one();

  struct Retry : loop::Timer {
    explicit Retry(Listener& l) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Retry&>(t).listener.accept_batch(); }),
          listener(l) {}

    Listener& listener;
  };

  struct Ready : loop::Deferred {
    explicit Ready(Listener& l) noexcept
        : Deferred([](Wake& w) noexcept { static_cast<Ready&>(w).listener.accept_batch(); }),
          listener(l) {}

    Listener& listener;
  };

  loop::Loop& loop_;
  Fd fd_;
  loop::Watch watch_;
  Hooks hooks_;
  Ready ready_;
  Retry retry_;
  bool waits_for_room_ = false;
};

}  // namespace cirque::net
