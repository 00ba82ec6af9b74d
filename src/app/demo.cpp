#include "app/demo.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "app/daemon.h"
#include "app/demo_origin.h"
#include "cirque/server.h"
#include "config/load.h"

namespace cirque::app {
namespace {

constexpr const char* kOrigins[] = {"127.0.0.1:3001", "127.0.0.1:3002"};

// A process of its own, so that its work is not taken for the proxy's.
int run_origins() {
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // never outlives the demo
  ServerOptions options;
  options.workers = 1;
  options.timeouts.drain = 2s;
  Server server(options);
  DemoOrigin first("3001");
  DemoOrigin second("3002");
  DemoOrigin* apps[] = {&first, &second};
  for (int i = 0; i < 2; ++i) {
    if (server.listen(kOrigins[i], *apps[i], "demo-origin")) continue;
    std::fprintf(stderr, "cirque: the demo origin cannot listen on %s\n", kOrigins[i]);
    return 1;
  }
  return server.run();
}

void introduce(const config::Model& model) {
  std::printf("Demo origins: http://%s and http://%s\n", kOrigins[0], kOrigins[1]);
  for (const auto& service : model.services) {
    auto port = std::to_string(service.bind.port);
    std::printf("Service %-14s http://127.0.0.1:%s -> %s\n", service.name.c_str(), port.c_str(),
                service.upstreams.front().text.c_str());
  }
  if (model.metrics.enabled) {
    std::printf("Metrics:               http://%s/metrics\n", model.metrics.listen.text.c_str());
  }
  auto port = std::to_string(model.services.front().bind.port);
  std::printf(
      "\nTry:\n  curl -i http://127.0.0.1:%s/hello\n"
      "  curl -s 'http://127.0.0.1:%s/big?bytes=1000000' | wc -c\n\nCtrl-C stops it all.\n\n",
      port.c_str(), port.c_str());
  std::fflush(stdout);
}

}  // namespace

int demo(const std::string& config_path) {
  auto loaded = config::load_file(config_path);
  if (!loaded.ok()) {
    std::fputs(config::render(loaded.findings).c_str(), stderr);
    return 1;
  }
  pid_t origins = fork();
  if (origins == 0) _exit(run_origins());
  introduce(loaded.model);
  int status = serve(loaded.model, {});
  kill(origins, SIGTERM);
  waitpid(origins, nullptr, 0);
  return status;
}

}  // namespace cirque::app
