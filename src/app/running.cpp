#include "app/running.h"

#include <fmt/format.h>

#include "app/in_use.h"
#include "app/versions.h"
#include "config/load.h"

namespace cirque::app {
namespace {

// Others may have the address since: what answers has to have these very files in use.
bool has_in_use(const config::Loaded& loaded) {
  auto tag = fmt::format("\"{}\"", InUse::now(loaded).hash);
  auto reply =
      ask(loaded.model, {.method = "GET", .path = "/debug/config", .fields = {{"If-Match", tag}}});
  return reply && reply->status == 200;
}

}  // namespace

std::expected<Reply, Silence> ask_running(const Command& command, const config::Model& model,
                                          const Question& question) {
  auto reply = ask(model, question);
  if (reply || !reply.error().is_nobody) return reply;
  auto newest = newest_version(state_dir_of(command.state_dir, model), Trials::With);
  if (!newest) return reply;
  auto used = config::load_file(newest->sources.front().path, config::process_environment,
                                config::files_of(newest->sources));
  bool is_elsewhere = asked_at(used.model) != asked_at(model) && has_in_use(used);
  return is_elsewhere ? ask(used.model, question) : reply;
}

}  // namespace cirque::app
