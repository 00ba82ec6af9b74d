// A whole server whose application is at fault: what only the framework's users can bring about.
#include "cirque/server.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "proxy/engine.h"

using namespace cirque;

namespace {

// Announces more than it has.
class ShortBody final : public Source {
 public:
  Task<Piece> next() override { co_return Piece{.data = "abc", .last = true}; }

  bool is_ready() const noexcept override { return true; }

  std::optional<std::uint64_t> remaining() const noexcept override { return 10; }
};

struct Faulty final : App {
  bool on_connect(const Link&) override { return welcome; }

  Step on_request(Exchange& x) override {
    if (x.request.target == "/throws") throw std::runtime_error("a mistake of the application");
    if (x.request.target != "/short") return go_on;
    auto& answer = x.answer(200);
    answer.body = Body::borrow(x.arena.make<ShortBody>());
    return answer;
  }

  Task<Peer> choose(Exchange&) override { return Peer::at("not an address"); }

  bool welcome = true;
};

// All that comes until the server closes; the server runs in threads of its own.
std::string asked(const Address& server, const std::string& target) {
  sockaddr_storage storage;
  auto length = server.to(storage);
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0);
  auto request = "GET " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  char bytes[4096];
  for (;;) {
    auto got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) break;
    answer.append(bytes, static_cast<std::size_t>(got));
  }
  ::close(fd);
  return answer;
}

// Runs a server with `app`, has `visit` ask it from the steward's thread, and stops it.
template <class Visit>
std::string metrics_after(Faulty& app, Visit visit) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  std::string metrics;
  {
    ServerOptions options;
    options.workers = 1;
    options.pin_workers = false;
    Server server(options);
    auto at = server.listen("127.0.0.1:0", app);
    REQUIRE(at);
    server.on_ready = [&] {
      visit(*at);
      metrics = server.engine().registry().expose();
      server.engine().stop();
    };
    CHECK(server.run() == 0);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return metrics;
}

void check_fault(const char* target, int status, const std::string& reason) {
  Faulty app;
  std::string answer;
  auto metrics = metrics_after(app, [&](const Address& at) { answer = asked(at, target); });
  CAPTURE(reason);
  CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(status)));
  CHECK(answer.contains("; details=\"" + reason + "\"\r\n"));
  CHECK(answer.contains("<code>" + reason + "</code>"));
  CHECK(metrics.contains("cirque_http_reasons_total{service=\"app\",reason=\"" + reason + "\"} 1"));
}

}  // namespace

TEST_SUITE_BEGIN("proxy");

TEST_CASE("an application that throws is answered for") {
  check_fault("/throws", 500, "internal_error");
}

TEST_CASE("an application whose body is shorter than it said is answered for") {
  check_fault("/short", 500, "body_length_mismatch");
}

TEST_CASE("an application that names no address is answered for") {
  check_fault("/", 500, "bad_address");
}

TEST_CASE("a connection that the application refuses ends without a word, and is counted") {
  Faulty app;
  app.welcome = false;
  std::string answer = "?";
  auto metrics = metrics_after(app, [&](const Address& at) { answer = asked(at, "/"); });
  CHECK(answer.empty());
  CHECK(metrics.contains("cirque_connections_refused_total{reason=\"refused_by_app\"} 1"));
}

TEST_SUITE_END();
