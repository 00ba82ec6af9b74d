// Any bytes as a configuration: findings or a model, never a crash, a hang or a sanitizer's
// complaint.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cirque;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto world = [](std::string_view name) -> std::optional<std::string> {
    if (name == "A") return "127.0.0.1:80";
    return std::nullopt;
  };
  for (const char* name : {"f.yaml", "f.json", "f.toml"}) {
    auto loaded = config::load_text(text, name, world);
    if (!config::render(loaded.findings).empty() == loaded.findings.empty()) std::abort();
    // What is accepted can be served: the engine relies on it.
    if (!loaded.ok()) continue;
    if (!loaded.blueprint || loaded.blueprint->lanes.empty()) std::abort();
    for (const auto& pool : loaded.blueprint->pools) {
      if (pool.origins.empty()) std::abort();
    }
    for (const auto& service : loaded.model.services) {
      bool is_complete =
          !service.name.empty() && !service.bind.text.empty() && !service.upstreams.empty();
      if (!is_complete) std::abort();
      for (const auto& upstream : service.upstreams) {
        if (!upstream.address && upstream.host.empty()) std::abort();
      }
    }
  }
  return 0;
}
