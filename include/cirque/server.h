#pragma once
// Runs apps: workers, listeners, signals, graceful stop.
//
//   MyProxy proxy;
//   cirque::Server server;
//   server.listen("127.0.0.1:8080", proxy);
//   return server.run();
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cirque/app.h"
#include "cirque/settings.h"

namespace cirque {

namespace proxy {
class Engine;
}

struct ServerOptions {
  unsigned workers = 0;  // threads with an event loop each; 0: one a CPU
  bool pin_workers = true;
  int backlog = 4096;
  std::string congestion_control;            // for TCP on both sides; empty: the machine's default
  std::vector<std::string> trusted_proxies;  // addresses and blocks whose X-Forwarded-* is believed
  Timeouts timeouts;
  Limits limits;
  // A worker that is stuck for so long ends the process (SIGABRT), for whoever started it to start
  // it anew; 0: never. That it is stuck is logged after 100 ms in any case, with its stack.
  Duration watchdog_abort{};

  enum class LogFormat : std::uint8_t { Json, Text, Combined, Cells };
  bool access_log = false;
  LogFormat log_format = LogFormat::Json;
  std::string log_output = "stdout";  // or "stderr", "file"
  std::string log_path;
};

// Made, used and destroyed on one thread, which run() makes the steward.
class Server {
 public:
  explicit Server(ServerOptions options = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // "127.0.0.1:8080", "[::]:80", "unix:/run/app.sock"; port 0 lets the kernel choose. The address
  // that it came to, or an error with errno in `sys`. The app outlives the server, and serves all
  // workers at once. `name` is the service in logs and metrics.
  template <class A>
  Result<Address> listen(std::string_view address, A& app, std::string name = "app") {
    return listen(address, app, Stations::of<A>(), std::move(name), Thread::Worker);
  }

  // On the steward's thread: for metrics and administration, never for traffic.
  template <class A>
  Result<Address> listen_aside(std::string_view address, A& app, std::string name = "admin") {
    return listen(address, app, Stations::of<A>(), std::move(name), Thread::Steward);
  }

  // Serves until SIGTERM or SIGINT, then drains (ServerOptions::timeouts.drain); a second signal
  // ends at once. The exit status: 0, or 2 when it had to be forced.
  int run();

  // Called on the steward's thread.
  std::function<void()> on_ready = [] {};     // all listeners are live
  std::function<void()> on_stopping = [] {};  // the drain begins
  std::function<void()> on_hangup = [] {};    // SIGHUP
  std::function<void()> on_reopen = [] {};    // SIGUSR1; the access log is reopened already

  proxy::Engine& engine() noexcept { return *engine_; }

 private:
  enum class Thread : bool { Worker, Steward };
  Result<Address> listen(std::string_view address, App& app, Stations stations, std::string name,
                         Thread thread);

  std::unique_ptr<proxy::Engine> engine_;
};

}  // namespace cirque
