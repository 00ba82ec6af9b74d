#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

namespace cirque::net {
namespace {

// What the kernel keeps for a peer that does not take it, beyond what is under way to it. By itself
// it would take megabytes: a few thousand slow readers had all the memory that TCP may use.
constexpr int kUnsentBytesMax = 128 * 1024;

Error from_errno(Fault fault, std::string_view reason) {
  return {.fault = fault, .sys = errno, .reason = reason};
}

void set(int fd, int level, int option, int value) noexcept {
  setsockopt(fd, level, option, &value, sizeof value);
}

void set_congestion_control(int fd, const std::string& name) {
  if (name.empty()) return;
  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), static_cast<socklen_t>(name.size()));
}

int domain_of(const Address& address) noexcept {
  switch (address.family()) {
    case Address::Family::V4:
      return AF_INET;
    case Address::Family::V6:
      return AF_INET6;
    default:
      return AF_UNIX;
  }
}

Fd open_stream(const Address& address) {
  return Fd(socket(domain_of(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// A socket file is left behind by a process that was killed: remove it if nobody answers there.
void remove_stale_socket(const Address& address) {
  std::string path(address.path());
  struct stat info;
  if (stat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  sockaddr_storage storage;
  auto length = address.to(storage);
  Fd probe = open_stream(address);
  bool answered = connect(probe.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0;
  if (!answered && errno == ECONNREFUSED) unlink(path.c_str());
}

}  // namespace

Result<Fd> listen(const Address& address, const ListenOptions& options) {
  constexpr std::string_view kReason = "listen_failed";
  bool is_unix = address.family() == Address::Family::Unix;
  if (is_unix) remove_stale_socket(address);
  Fd fd = open_stream(address);
  if (!fd) return fail(from_errno(Fault::Unreachable, kReason));
  if (!is_unix) {
    set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (options.reuse_port) set(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    set(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytesMax);
    set_congestion_control(fd.get(), options.congestion_control);
    if (address.family() == Address::Family::V6) set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  }
  sockaddr_storage storage;
  auto length = address.to(storage);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) {
    return fail(from_errno(Fault::Refused, kReason));
  }
  if (::listen(fd.get(), options.backlog) != 0) return fail(from_errno(Fault::Refused, kReason));
  return fd;
}

Result<Fd> begin_connect(const Address& address, const std::string& congestion_control) {
  Fd fd = open_stream(address);
  if (!fd) {
    return fail({.fault = Fault::Overload,
                 .replayable = true,
                 .status = 503,
                 .sys = errno,
                 .reason = "too_many_connections"});
  }
  if (address.is_ip()) {
    set(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytesMax);
    set_congestion_control(fd.get(), congestion_control);
  }
  sockaddr_storage storage;
  auto length = address.to(storage);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0) return fd;
  if (errno == EINPROGRESS) return fd;
  bool refused = errno == ECONNREFUSED || errno == ENOENT || errno == EAGAIN;
  return fail({.fault = refused ? Fault::Refused : Fault::Unreachable,
               .side = Side::Upstream,
               .replayable = true,
               .sys = errno,
               .reason = refused ? "upstream_connect_refused" : "upstream_unreachable"});
}

Result<Unit> finish_connect(int fd) noexcept {
  int problem = 0;
  socklen_t length = sizeof problem;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length);
  if (problem == 0) return done;
  bool refused = problem == ECONNREFUSED || problem == ECONNRESET;
  bool timed_out = problem == ETIMEDOUT;
  return fail({.fault = refused     ? Fault::Refused
                        : timed_out ? Fault::Timeout
                                    : Fault::Unreachable,
               .side = Side::Upstream,
               .replayable = true,
               .sys = problem,
               .reason = refused     ? "upstream_connect_refused"
                         : timed_out ? "upstream_connect_timeout"
                                     : "upstream_unreachable"});
}

Address local_address(int fd) noexcept {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return Address::from(reinterpret_cast<sockaddr*>(&storage), length);
}

bool is_connected(int fd) noexcept {
  tcp_info info{};
  socklen_t length = sizeof info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
         info.tcpi_state == TCP_ESTABLISHED;
}

void dismiss(Fd fd, std::string_view text) noexcept {
  char unread[4096];
  while (::recv(fd.get(), unread, sizeof unread, MSG_DONTWAIT) < 0 && errno == EINTR) {
  }
  while (::send(fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
         errno == EINTR) {
  }
  ::shutdown(fd.get(), SHUT_WR);
}

void reset_on_close(int fd) noexcept {
  linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::uint64_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace cirque::net
