#include "app/reload.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "app/services.h"
#include "base/text.h"
#include "config/load.h"
#include "net/socket.h"

namespace cirque::app {
namespace {

int complain(const std::string& what) {
  std::fprintf(stderr, "cirque: %s\n", what.c_str());
  return 1;
}

// What the other side sends until it closes; empty when it could not be asked, with errno.
std::string ask(const Address& where) {
  sockaddr_storage storage;
  auto length = where.to(storage);
  net::Fd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  constexpr timeval kPatience{30, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) return {};
  constexpr std::string_view kRequest =
      "POST /reload HTTP/1.0\r\nHost: localhost\r\nX-Cirque-Control: reload\r\n\r\n";
  if (::send(fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return {};
  std::string answer;
  char piece[4096];
  for (;;) {
    auto got = ::recv(fd.get(), piece, sizeof piece, 0);
    if (got <= 0) return answer;
    answer.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace

int reload(const std::string& config_path) {
  auto loaded = config::load_file(config_path);
  if (!loaded.ok()) {  // the process would refuse it as well, and where it listens is in here
    std::fputs(config::render(loaded.findings).c_str(), stderr);
    return complain("not reloaded: the old configuration stays as it was");
  }
  const auto& metrics = loaded.model.metrics;
  auto address = address_of(metrics.listen);
  if (!metrics.enabled || !address) {
    return complain(
        "reload asks at metrics.listen, which is off here; send the signal HUP instead");
  }
  auto answer = ask(*address);
  if (answer.empty()) {
    return complain("no answer from " + metrics.listen.text + ": " + std::strerror(errno) +
                    "; is cirque running with this configuration?");
  }
  auto body = answer.find("\r\n\r\n");
  bool taken = answer.starts_with("HTTP/1.1 200");
  std::fputs(body == std::string::npos ? answer.c_str() : answer.c_str() + body + 4,
             taken ? stdout : stderr);
  return taken ? 0 : 1;
}

}  // namespace cirque::app
