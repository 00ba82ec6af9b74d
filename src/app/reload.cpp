#include "app/reload.h"

#include <cstdio>

#include "app/ask.h"
#include "config/load.h"

namespace cirque::app {
namespace {

int complain(const std::string& what) {
  std::fprintf(stderr, "cirque: %s\n", what.c_str());
  return 1;
}

}  // namespace

int reload(const std::string& config_path) {
  auto loaded = config::load_file(config_path);
  if (!loaded.ok()) {  // the process would refuse it as well, and where it listens is in here
    std::fputs(config::render(loaded.findings).c_str(), stderr);
    return complain("not reloaded: the old configuration stays as it was");
  }
  auto reply = ask(loaded.model, "POST", "/reload");
  if (!reply) return complain(reply.error() + "; the signal HUP has it reload as well");
  bool taken = reply->status == 200;
  std::fputs(reply->body.c_str(), taken ? stdout : stderr);
  return taken ? 0 : 1;
}

}  // namespace cirque::app
