#include "app/here.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "app/ask.h"
#include "app/listeners.h"
#include "net/socket.h"

namespace cirque::app {
namespace {

// By trying. A running cirque has the address as well and lets others of its user have it: it is
// not in the way. Nobody can connect meanwhile, as it does not listen.
std::string why_not_listen(const config::HostPort& at) {
  auto address = address_of(at);
  if (!address) return "the name does not resolve";
  if (!address->is_ip()) return {};  // the file of a socket is replaced, or not: see net/listener.h
  sockaddr_storage storage;
  auto length = address->to(storage);
  net::Fd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return strerrordesc_np(errno);
  int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0) return {};
  int error = errno;
  // Where operators are answered nobody else is let in, but it may well be the one that is to
  // reload this.
  if (error == EADDRINUSE && is_admin(*address)) return {};
  return strerrordesc_np(error);
}

std::string why_not_write(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return strerrordesc_np(EISDIR);
    return ::access(path.c_str(), W_OK) == 0 ? "" : strerrordesc_np(errno);
  }
  auto slash = path.rfind('/');
  auto folder = slash == path.npos ? std::string(".") : path.substr(0, slash + 1);
  return ::access(folder.c_str(), W_OK | X_OK) == 0 ? "" : strerrordesc_np(errno);
}

}  // namespace

config::Surroundings here() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return {.why_not_listen = why_not_listen,
          .why_not_write = why_not_write,
          .descriptors = limit.rlim_max};
}

}  // namespace cirque::app
