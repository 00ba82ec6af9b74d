#include "app/explain.h"

#include <fmt/format.h>

#include <cstdio>

#include "app/running.h"
#include "app/terminal.h"
#include "base/text.h"
#include "config/explain.h"
#include "config/load.h"

namespace cirque::app {
namespace {

config::Asked asked_by(const Command& command) {
  config::Asked asked;
  asked.headers = command.headers;
  asked.from = command.from;
  if (command.words.size() > 1) asked.method = command.words.front();
  asked.url = command.words.back();
  return asked;
}

int ask_live(const config::Model& model, const Command& command) {
  auto reply = ask_running(command, model,
                           {"GET", "/explain", fields_of(asked_by(command), command.listener)});
  if (!reply) return complain(reply.error().why);
  bool found = reply->status == 200;
  bool told = found || reply->status == 404;
  std::fputs(reply->body.c_str(), told ? stdout : stderr);
  return found ? 0 : 1;
}

}  // namespace

int explain(const Command& command) {
  constexpr int kMisused = 2;
  if (command.words.empty()) {
    complain("explain needs a request: cirque explain http://example.com/path");
    return kMisused;
  }
  auto loaded = config::load_file(command.config);
  if (!loaded.ok()) {
    std::fputs(config::render(loaded.findings).c_str(), stderr);
    return complain("nothing can be explained by a configuration with errors");
  }
  if (command.live) return ask_live(loaded.model, command);
  const auto& plan = *loaded.blueprint;
  auto question = config::Question::of(asked_by(command), plan.trusted_proxies);
  if (!question) return complain(question.error());
  const auto* lane = command.listener.empty() ? &plan.lanes.front() : plan.lane(command.listener);
  if (!lane) return complain(fmt::format("there is no listener '{}'", command.listener));
  auto text = config::explain_text(loaded.model, plan, **question, {.listener = command.listener});
  std::fputs(text.c_str(), stdout);
  return config::finds_route(*lane, **question) ? 0 : 1;
}

std::vector<config::TableEntry> fields_of(const config::Asked& asked, const std::string& listener) {
  std::vector<config::TableEntry> fields = {{"X-Explain-Method", asked.method},
                                            {"X-Explain-Url", asked.url}};
  if (!asked.from.empty()) fields.push_back({"X-Explain-From", asked.from});
  if (!listener.empty()) fields.push_back({"X-Explain-Listener", listener});
  for (const auto& [name, value] : asked.headers) {
    fields.push_back({"X-Explain-Header", fmt::format("{}: {}", name, value)});
  }
  return fields;
}

std::pair<config::Asked, std::string> asked_of(const Headers& fields) {
  config::Asked asked;
  if (auto method = fields.get("X-Explain-Method"); !method.empty()) asked.method = method;
  asked.url = fields.get("X-Explain-Url");
  asked.from = fields.get("X-Explain-From");
  for (const auto& field : fields) {
    if (!base::equal_fold(field.name, "X-Explain-Header")) continue;
    auto colon = std::min(field.value.find(':'), field.value.size() - 1);
    asked.headers.push_back({std::string(field.value.substr(0, colon)),
                             std::string(base::trim(field.value.substr(colon + 1)))});
  }
  return {std::move(asked), std::string(fields.get("X-Explain-Listener"))};
}

}  // namespace cirque::app
