// Any bytes as a configuration: findings or a model, never a crash, a hang or a sanitizer's
// complaint.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "config/diff.h"
#include "config/load.h"
#include "config/write.h"

namespace {

// What is written and read again is the same, whatever the language.
void must_come_back(const cirque::config::Model& model) {
  using namespace cirque::config;
  constexpr std::pair<Language, const char*> kLanguages[] = {
      {Language::Yaml, "f.yaml"}, {Language::Toml, "f.toml"}, {Language::Json, "f.json"}};
  auto nothing = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  for (auto [language, name] : kLanguages) {
    auto text = write(model, language);
    auto again = load_text(text, name, nothing);
    if (write(again.model, language) != text || !diff(model, again.model).empty()) std::abort();
  }
}

}  // namespace

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
    must_come_back(loaded.model);
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
