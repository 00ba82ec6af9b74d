#include "app/plan_alone.h"

#include <fmt/format.h>

#include <cstdio>

#include "app/terminal.h"
#include "app/utc.h"
#include "app/versions.h"
#include "config/diff.h"

namespace cirque::app {

int plan_alone(const Command& command, const config::Loaded& loaded, const Silence& nobody) {
  auto last = newest_version(state_dir_of(command.state_dir, loaded.model), Trials::Without);
  if (!last) return complain(nobody.why);
  auto before = config::load_file(last->sources.front().path, config::process_environment,
                                  config::files_of(last->sources));
  if (!before.ok()) {
    return complain(fmt::format("{}\n   version {}, which was in use last, cannot be read here",
                                nobody.why, last->number));
  }
  auto changes = config::diff(before.model, loaded.model);
  auto told = fmt::format(
      "{}{}compared with version {} of {}, which was in use last: {}, so there are no connections "
      "to tell of and no requests to replay\n",
      config::render(loaded.findings), config::render(changes, loaded.model), last->number,
      utc(last->unix_time, "%Y-%m-%d %H:%M:%S"),
      nobody.is_nowhere ? "whether a cirque runs cannot be asked, as it has no address for that"
                        : "no cirque runs with this configuration");
  std::fputs(told.c_str(), stdout);
  return 0;
}

}  // namespace cirque::app
