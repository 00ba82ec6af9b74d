#pragma once
// An owned descriptor, and the socket options that a proxy sets.
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "cirque/address.h"
#include "cirque/result.h"

namespace cirque::net {

class Fd {
 public:
  Fd() noexcept = default;

  explicit Fd(int fd) noexcept : fd_(fd) {}

  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const noexcept { return fd_; }

  explicit operator bool() const noexcept { return fd_ >= 0; }

  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct ListenOptions {
  int backlog = 4096;
  bool reuse_port = true;          // one socket a worker, the kernel spreads the connections
  std::string congestion_control;  // "cubic"; empty: the machine's default
};

// A non-blocking listening socket with TCP_NODELAY, which accepted sockets inherit. A unix path
// that nobody listens on any more is taken over; one in use is Fault::Refused with sys =
// EADDRINUSE.
Result<Fd> listen(const Address& address, const ListenOptions& options);

// A non-blocking socket whose connect has begun: done, or under way until it becomes writable.
Result<Fd> begin_connect(const Address& address, const std::string& congestion_control);
// What the connect came to, once the socket is writable.
Result<Unit> finish_connect(int fd) noexcept;

Address local_address(int fd) noexcept;

// Has neither side of this TCP connection begun to end it?
bool is_connected(int fd) noexcept;

// The next close sends RST, so that a peer can tell a truncated message from a complete one.
void reset_on_close(int fd) noexcept;

// Says it, as far as the kernel takes it at once, and ends. Best effort: what the peer has sent
// after the first few KB, or sends after this, makes the end a reset.
void dismiss(Fd fd, std::string_view text) noexcept;

// Raises RLIMIT_NOFILE to its hard limit; the limit now in force.
std::uint64_t raise_descriptor_limit() noexcept;

}  // namespace cirque::net
