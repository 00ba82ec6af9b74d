#include "app/demo.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <vector>

#include "app/daemon.h"
#include "app/demo_origin.h"
#include "base/log.h"
#include "cirque/server.h"
#include "config/load.h"
#include "net/socket.h"

namespace cirque::app {
namespace {

// The upstreams of the configuration that are on this machine: each gets an origin of its own.
std::vector<std::string> local_upstreams(const config::Model& model) {
  std::vector<std::string> addresses;
  for (const auto& pool : model.pools) {
    for (const auto& upstream : pool.backends) {
      if (upstream.address && upstream.address->is_loopback()) addresses.push_back(upstream.text);
    }
  }
  std::ranges::sort(addresses);
  auto twins = std::ranges::unique(addresses);
  addresses.erase(twins.begin(), twins.end());
  return addresses;
}

// A process of its own, so that its work is not taken for the proxy's. `ready` is closed once they
// listen.
int run_origins(const std::vector<std::string>& addresses, net::Fd ready) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // never outlives the demo
  setpgid(0, 0);  // Ctrl-C is for the proxy, which ends us when its own requests are done
  log::configure({.level = log::Level::Warn, .format = log::Format::Text, .path = {}});
  ServerOptions options;
  options.workers = 1;
  options.timeouts.drain = 2s;
  Server server(options);
  std::vector<std::unique_ptr<DemoOrigin>> apps;
  for (const auto& address : addresses) {
    auto& app = *apps.emplace_back(std::make_unique<DemoOrigin>(address));
    if (server.listen(address, app, "demo-origin")) continue;
    std::fprintf(stderr, "cirque: the demo origin cannot listen on %s\n", address.c_str());
    return 1;
  }
  server.on_ready = [&ready] { ready = net::Fd(); };
  return server.run();
}

// Health checks must not find them before they are there: that would cost their first interval.
pid_t start_origins(const std::vector<std::string>& addresses) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  net::Fd listening(ends[0]), ready(ends[1]);
  pid_t origins = fork();
  if (origins == 0) {
    listening = net::Fd();
    _exit(run_origins(addresses, std::move(ready)));
  }
  ready = net::Fd();
  char nothing;
  while (read(listening.get(), &nothing, 1) < 0 && errno == EINTR) {
  }
  return origins;
}

void introduce(const config::Model& model, const std::vector<std::string>& origins) {
  for (const auto& origin : origins)
    std::printf("Demo origin            http://%s\n", origin.c_str());
  for (const auto& listener : model.listeners) {
    std::printf("Listener %-13s http://127.0.0.1:%u\n", listener.name.c_str(),
                static_cast<unsigned>(listener.address.port));
  }
  if (model.metrics.enabled) {
    std::printf("Metrics                http://%s/metrics\n", model.metrics.listen.text.c_str());
  }
  auto port = static_cast<unsigned>(model.listeners.front().address.port);
  std::printf(
      "\nTry:\n  curl -i http://127.0.0.1:%u/hello\n"
      "  curl -s 'http://127.0.0.1:%u/big?bytes=1000000' | wc -c\n\nCtrl-C stops it all.\n\n",
      port, port);
  std::fflush(stdout);
}

}  // namespace

int demo(const std::string& config_path) {
  auto loaded = config::load_file(config_path);
  if (!loaded.ok()) {
    std::fputs(config::render(loaded.findings).c_str(), stderr);
    return 1;
  }
  auto addresses = local_upstreams(loaded.model);
  pid_t origins = start_origins(addresses);
  introduce(loaded.model, addresses);
  int status = serve(loaded, {});
  kill(origins, SIGTERM);
  waitpid(origins, nullptr, 0);
  return status;
}

}  // namespace cirque::app
