#include "net/listener.h"

#include <sys/socket.h>

#include <cerrno>

namespace cirque::net {

Listener::Listener(loop::Loop& loop, Fd fd, Hooks hooks)
    : loop_(loop),
      fd_(std::move(fd)),
      watch_(loop, fd_.get()),
      hooks_(std::move(hooks)),
      ready_(*this),
      retry_(*this) {
  watch_.reader = &ready_;
  watch_.attach();
}

void Listener::accept_batch() noexcept {
  if (!fd_) return;
  waits_for_room_ = false;
  for (int i = 0; i < kBatch; ++i) {
    if (!accept_next()) return;
  }
  // The edge has been used up but the backlog may not be empty: come back after the others' turn.
  if (!ready_.is_linked()) loop_.defer(ready_);
}

bool Listener::accept_next() {
  if (!hooks_.room()) {
    waits_for_room_ = true;
    retry_.arm(loop_.timers(), loop_.now() + kLookAgain);
    return false;
  }
  auto accepted = accept_one();
  if (accepted != Accepted::One) hooks_.unused();
  return accepted != Accepted::NotNow;
}

Listener::Accepted Listener::accept_one() {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  auto* name = reinterpret_cast<sockaddr*>(&storage);
  int fd = accept4(fd_.get(), name, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    hooks_.accept(Fd(fd), Address::from(name, length));
    return Accepted::One;
  }
  switch (errno) {
    case EAGAIN:
      return Accepted::NotNow;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      hooks_.trouble(errno);
      retry_.arm(loop_.timers(), loop_.now() + kBackoff);
      return Accepted::NotNow;
    default:
      return Accepted::Nobody;  // that connection died in the queue; the next may be fine
  }
}

void Listener::resume() noexcept {
  if (!waits_for_room_ || !fd_) return;
  waits_for_room_ = false;
  retry_.disarm();
  if (!ready_.is_linked()) loop_.defer(ready_);
}

void Listener::close() {
  if (!fd_) return;
  while (accept_next()) {
  }
  ready_.unlink();
  retry_.disarm();
  // Workers share the socket of a path: closing ours does not take it out of epoll.
  watch_.detach();
  fd_ = Fd();
}

}  // namespace cirque::net
