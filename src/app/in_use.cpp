#include "app/in_use.h"

#include <fmt/format.h>

#include <ctime>

#include "base/json.h"
#include "config/content_hash.h"

namespace cirque::app {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  base::append_json(out, text);
  return out + '"';
}

std::string rfc3339(std::int64_t unix_time) {
  auto time = static_cast<std::time_t>(unix_time);
  std::tm parts{};
  char text[32];
  if (!gmtime_r(&time, &parts)) return {};
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace

InUse InUse::now(const config::Loaded& loaded) {
  constexpr std::size_t kShown = 12;
  auto version = loaded.model.version;
  if (version.empty()) version = config::content_hash(loaded.sources).substr(0, kShown);
  return {.version = std::move(version), .source = "file", .unix_time = std::time(nullptr)};
}

std::string InUse::json() const {
  return fmt::format(R"({{"last_reload_at":{},"source":{},"version":{}}})",
                     quoted(rfc3339(unix_time)), quoted(source), quoted(version)) +
         "\n";
}

}  // namespace cirque::app
