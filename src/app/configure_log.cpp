#include "app/configure_log.h"

#include "base/log.h"

namespace cirque::app {

bool configure_log(const config::Logging& logging) {
  log::Options options{.level = logging.level, .format = logging.format, .path = {}};
  if (logging.output == "file") options.path = logging.path;
  if (log::configure(options)) return true;
  log::error("app", "cannot open the log file", {{"path", logging.path}});
  return false;
}

}  // namespace cirque::app
