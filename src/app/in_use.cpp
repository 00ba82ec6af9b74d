#include "app/in_use.h"

#include <fmt/format.h>

#include <ctime>

#include "app/utc.h"
#include "app/versions.h"
#include "base/json.h"
#include "config/content_hash.h"

namespace cirque::app {

InUse InUse::now(const config::Loaded& loaded) {
  constexpr std::size_t kShown = 12;
  auto hash = config::content_hash(from_root(loaded.sources));
  auto version = loaded.model.version;
  if (version.empty()) version = hash.substr(0, kShown);
  return {.version = std::move(version),
          .hash = std::move(hash),
          .source = "file",
          .unix_time = std::time(nullptr)};
}

std::string InUse::json() const {
  return fmt::format(R"({{"last_reload_at":{},"source":{},"version":{}}})",
                     base::json_string(rfc3339(unix_time)), base::json_string(source),
                     base::json_string(version)) +
         "\n";
}

}  // namespace cirque::app
