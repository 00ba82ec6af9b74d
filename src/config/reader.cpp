#include "config/reader.h"

#include <fmt/format.h>

#include "config/prefilter.h"
#include "config/toml.h"
#include "config/yaml.h"

namespace cirque::config {
namespace {

// In JSON libfyaml takes the two characters of a line break for two breaks.
std::string with_single_breaks(std::string_view text) {
  std::string out(text);
  for (auto at = out.find("\r\n"); at != out.npos; at = out.find("\r\n", at)) out[at] = ' ';
  return out;
}

}  // namespace

bool Intake::count(Spot spot) {
  if (++nodes <= kNodesMax) return true;
  report.add(Code::TooBig, spot, {}, fmt::format("more than {} values", kNodesMax));
  return false;
}

Language language_of(std::string_view path) noexcept {
  if (path.ends_with(".json")) return Language::Json;
  return path.ends_with(".toml") ? Language::Toml : Language::Yaml;
}

std::optional<Language> language_called(std::string_view name) noexcept {
  if (name == "yaml") return Language::Yaml;
  if (name == "json") return Language::Json;
  if (name == "toml") return Language::Toml;
  return std::nullopt;
}

Node read_tree(std::string_view text, Language language, unsigned file, Intake& intake) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  intake.bytes += text.size();
  if (intake.bytes > kFileBytesMax) {
    intake.report.add(Code::TooBig, {.file = file}, {},
                      fmt::format("larger than {} MiB", kFileBytesMax >> 20));
    return {};
  }
  if (!is_clean_text(text, file, intake.report)) return {};
  switch (language) {
    case Language::Json:
      return read_yaml(with_single_breaks(text), YamlSubset::Json, file, intake);
    case Language::Toml:
      return read_toml(text, file, intake);
    case Language::Yaml:
      break;
  }
  return read_yaml(text, YamlSubset::All, file, intake);
}

}  // namespace cirque::config
