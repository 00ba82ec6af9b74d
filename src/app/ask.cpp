#include "app/ask.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "app/listeners.h"
#include "base/text.h"
#include "net/socket.h"

namespace cirque::app {
namespace {

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// In seconds, without a word from the other side.
constexpr int kPatience = 30;
constexpr int kImpatience = 1;

// What the other side sends until it closes; empty when it could not be asked, with errno.
std::string converse(const Address& where, std::string_view request, int seconds) {
  sockaddr_storage storage;
  auto length = where.to(storage);
  net::Fd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{seconds, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) return {};
  if (!send_all(fd.get(), request)) return {};
  std::string answer;
  char piece[4096];
  for (;;) {
    errno = ECONNRESET;  // where it says nothing, that is what the end of it comes to
    auto got = ::recv(fd.get(), piece, sizeof piece, 0);
    if (got <= 0) return answer;
    answer.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace

const config::HostPort& asked_at(const config::Model& model) {
  return model.admin.is_apart() ? model.admin.listen : model.metrics.listen;
}

std::expected<Reply, Silence> ask(const config::Model& model, const Question& question) {
  bool is_apart = model.admin.is_apart();
  const auto& where = asked_at(model);
  auto address = address_of(where);
  if (!address || (!is_apart && !model.metrics.enabled)) {
    return std::unexpected(
        Silence{"the running process is asked at admin.listen or, without it, at metrics.listen, "
                "which is off in this configuration",
                true, true});
  }
  const auto& [method, path, fields, body] = question;
  auto request =
      fmt::format("{} {} HTTP/1.0\r\nHost: localhost\r\nX-Cirque-Control: yes\r\n", method, path);
  for (const auto& [name, value] : fields) request += fmt::format("{}: {}\r\n", name, value);
  if (!body.empty()) request += fmt::format("Content-Length: {}\r\n", body.size());
  auto answer = converse(*address, fmt::format("{}\r\n{}", request, body), kPatience);
  if (answer.empty()) {
    bool is_nobody = errno == ECONNREFUSED || errno == ENOENT;
    return std::unexpected(
        Silence{fmt::format("no answer from {}: {}; is cirque running with this configuration?",
                            where.text, strerrordesc_np(errno)),
                is_nobody});
  }
  auto head = answer.find("\r\n\r\n");
  auto words = std::string_view(answer).substr(0, 12);
  auto status = words.starts_with("HTTP/1.") && words.size() == 12
                    ? base::parse_number(words.substr(9), 999)
                    : std::nullopt;
  if (!status) {
    return std::unexpected(
        Silence{fmt::format("what listens at {} does not speak HTTP", where.text)});
  }
  return Reply{static_cast<int>(*status),
               head == answer.npos ? std::string() : answer.substr(head + 4)};
}

bool is_admin(const Address& where) {
  auto answer = converse(where, "GET /who HTTP/1.0\r\nHost: localhost\r\n\r\n", kImpatience);
  return answer.contains("here are /metrics, /healthz and /readyz");
}

}  // namespace cirque::app
