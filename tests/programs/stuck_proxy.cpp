// For tests: an app that keeps its worker as long as a request says.
//   stuck_proxy LISTEN METRICS WATCHDOG_ABORT_MS LOOP_LAG_MS
// GET /spin/500 burns CPU for 500 ms, /sleep/500 waits in the kernel, anything else answers at
// once.
#include <poll.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/text.h"
#include "cirque/cirque.h"
#include "proxy/engine.h"

namespace {

using namespace cirque;

std::uint64_t number_after(std::string_view text, std::string_view prefix) {
  return base::parse_number(text.substr(prefix.size()), 1'000'000).value_or(0);
}

// Its name is what the test looks for on the stack.
[[gnu::noinline]] void burn_for(std::uint64_t ms) {
  auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  while (std::chrono::steady_clock::now() < until) {
  }
}

class StuckProxy final : public App {
 public:
  Step on_request(Exchange& x) override {
    auto path = x.request.path();
    if (path.starts_with("/spin/")) burn_for(number_after(path, "/spin/"));
    if (path.starts_with("/sleep/")) {
      poll(nullptr, 0, static_cast<int>(number_after(path, "/sleep/")));
    }
    return x.answer(200, "ok\n");
  }

  Task<Peer> choose(Exchange&) override { return Peer::at("127.0.0.1:1"); }
};

class Metrics final : public App {
 public:
  explicit Metrics(const std::unique_ptr<Server>& server) : server_(server) {}

  Step on_request(Exchange& x) override {
    return x.answer(200, server_->engine().registry().expose());
  }

  Task<Peer> choose(Exchange&) override { return Peer::at("127.0.0.1:1"); }

 private:
  const std::unique_ptr<Server>& server_;
};

bool listening(const char* name, const Result<Address>& address) {
  if (address) std::printf("listening service=%s address=%s\n", name, address->text().c_str());
  return address.has_value();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5)
    return std::fputs("usage: stuck_proxy LISTEN METRICS ABORT_MS LAG_MS\n", stderr), 2;
  ServerOptions options;
  options.workers = 1;
  options.watchdog_abort = std::chrono::milliseconds(std::atoi(arguments[3]));
  options.limits.loop_lag = std::chrono::milliseconds(std::atoi(arguments[4]));
  StuckProxy app;
  std::unique_ptr<Server> server;
  Metrics metrics(server);
  server = std::make_unique<Server>(options);
  if (!listening("web", server->listen(arguments[1], app, "web")) ||
      !listening("admin", server->listen_aside(arguments[2], metrics, "admin"))) {
    return 1;
  }
  std::fflush(stdout);
  return server->run();
}
