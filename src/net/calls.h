#pragma once
// The system calls of every request, without what the C library adds to them in a process of
// several threads: there each is a place where its thread might be cancelled, which costs two
// locked operations, and nobody here cancels threads. As in the C library, errno tells of failure.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace cirque::net {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
// Sanitizers watch what the library's calls read and write.
inline ssize_t recv_some(int fd, void* to, std::size_t size, int flags) noexcept {
  return ::recv(fd, to, size, flags);
}

inline ssize_t send_some(int fd, const void* from, std::size_t size, int flags) noexcept {
  return ::send(fd, from, size, flags);
}

inline ssize_t send_some(int fd, const msghdr& message, int flags) noexcept {
  return ::sendmsg(fd, &message, flags);
}
#else
inline ssize_t recv_some(int fd, void* to, std::size_t size, int flags) noexcept {
  return ::syscall(SYS_recvfrom, fd, to, size, flags, nullptr, nullptr);
}

inline ssize_t send_some(int fd, const void* from, std::size_t size, int flags) noexcept {
  return ::syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
}

inline ssize_t send_some(int fd, const msghdr& message, int flags) noexcept {
  return ::syscall(SYS_sendmsg, fd, &message, flags);
}
#endif

}  // namespace cirque::net
