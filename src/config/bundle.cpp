#include "config/bundle.h"

#include <fmt/format.h>

#include "base/text.h"

namespace cirque::config {
namespace {

std::optional<std::string_view> take(std::string_view& bundle) {
  auto colon = bundle.find(':');
  auto size = base::parse_number(bundle.substr(0, colon), bundle.size());
  if (colon == bundle.npos || !size) return std::nullopt;
  bundle.remove_prefix(colon + 1);
  if (bundle.size() <= *size || bundle[*size] != ',') return std::nullopt;
  auto text = bundle.substr(0, *size);
  bundle.remove_prefix(*size + 1);
  return text;
}

}  // namespace

std::string pack(const std::vector<Source>& sources) {
  std::string bundle;
  for (const auto& source : sources) {
    bundle += fmt::format("{}:{},", source.path.size(), source.path);
    bundle += fmt::format("{}:{},", source.text.size(), source.text);
  }
  return bundle;
}

std::optional<std::vector<Source>> unpack(std::string_view bundle) {
  std::vector<Source> sources;
  while (!bundle.empty()) {
    auto path = take(bundle);
    auto text = path ? take(bundle) : std::nullopt;
    if (!text) return std::nullopt;
    sources.emplace_back(std::string(*path), std::string(*text));
  }
  if (sources.empty()) return std::nullopt;
  return sources;
}

}  // namespace cirque::config
