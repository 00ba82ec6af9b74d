#include "app/here.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "app/ask.h"
#include "app/listeners.h"
#include "net/socket.h"

namespace cirque::app {
namespace {

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

// Where the process that is to reload this may answer.
std::vector<config::HostPort> doors_of(const config::Model& model) {
  std::vector<config::HostPort> doors;
  if (model.admin.is_apart()) doors.push_back(model.admin.listen);
  if (model.metrics.enabled) doors.push_back(model.metrics.listen);
  return doors;
}

// Asked once: somebody who says nothing is waited for.
bool answers(const std::vector<config::HostPort>& doors) {
  static std::map<std::string, bool> known;
  return std::ranges::any_of(doors, [](const auto& door) {
    auto [found, is_new] = known.try_emplace(door.text, false);
    auto address = address_of(door);
    if (is_new && address) found->second = is_admin(*address);
    return found->second;
  });
}

// The process that is to reload this is not in the way of it.
std::string unless_ours(const std::string& why, const config::Model& model) {
  auto doors = doors_of(model);
  if (doors.empty() || answers(doors)) return {};
  return fmt::format("{}, and no cirque answers at {}", why, doors.front().text);
}

// The file of a socket without a process is replaced: see net/socket.h.
std::string why_no_socket(const Address& at, const config::Model& model) {
  std::string path(at.path());
  if (path.starts_with('@')) return {};
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return why_not_write(path);
  if (!S_ISSOCK(status.st_mode)) return "the path is taken by something else than a socket";
  sockaddr_storage storage;
  auto length = at.to(storage);
  net::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  bool is_dead = ::connect(probe.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0 &&
                 errno == ECONNREFUSED;  // where the backlog is full, somebody is there
  return is_dead ? std::string() : unless_ours(strerrordesc_np(EADDRINUSE), model);
}

// 0, or the errno. Nobody can connect meanwhile, as it does not listen.
int bind_trial(const Address& at, bool shares) {
  sockaddr_storage storage;
  auto length = at.to(storage);
  net::Fd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at.family() == Address::Family::V6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (shares) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0 ? 0 : errno;
}

// By trying.
std::string why_not_listen(const config::HostPort& at, const config::Model& model) {
  auto address = address_of(at);
  if (!address) return "the name does not resolve";
  if (!address->is_ip()) return why_no_socket(*address, model);
  int error = bind_trial(*address, false);
  if (error == 0) return {};
  if (error != EADDRINUSE) return strerrordesc_np(error);
  // Workers of one process share an address, and so would another cirque of this user.
  if (bind_trial(*address, true) == 0) return unless_ours(strerrordesc_np(error), model);
  // Where operators are answered nobody else is let in.
  return is_admin(*address) ? "" : strerrordesc_np(error);
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
