#include "route/host_table.h"

#include <algorithm>
#include <vector>

namespace cirque::route {
namespace {

std::size_t labels_of(std::string_view name) noexcept {
  return static_cast<std::size_t>(std::ranges::count(name, '.')) + 1;
}

}  // namespace

HostTable::HostTable(std::span<const Entry> entries) {
  std::vector<TextTable::Entry> names;
  std::vector<TextTable::Entry> suffixes;
  for (const Entry& entry : entries) {
    switch (entry.name.kind) {
      case HostPattern::Kind::Exact:
        names.push_back({entry.name.text, entry.host});
        break;
      case HostPattern::Kind::Wildcard:
        suffixes.push_back({entry.name.text, entry.host});
        suffix_labels_.set(labels_of(entry.name.text));
        break;
      case HostPattern::Kind::Default:
        default_ = entry.host;
        break;
    }
  }
  names_ = TextTable(names);
  suffixes_ = TextTable(suffixes);
}

HostTable::Found HostTable::find(std::string_view authority) const noexcept {
  HostName name(authority);
  if (!name.text().empty()) {
    std::uint32_t host = names_.find(name.text());
    if (host != kNone) return {host, By::Name};
    if (suffix_labels_.any()) host = find_suffix(name.text());
    if (host != kNone) return {host, By::Wildcard};
  }
  return {default_, default_ == kNone ? By::Nothing : By::Default};
}

// What stands behind each dot, longest first. The star stands for one label or more, so the name
// itself is not tried, and neither is what stands behind a dot at its begin.
std::uint32_t HostTable::find_suffix(std::string_view name) const noexcept {
  std::size_t labels = labels_of(name);
  for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    --labels;
    if (dot == 0 || labels >= suffix_labels_.size() || !suffix_labels_[labels]) continue;
    std::uint32_t host = suffixes_.find(name.substr(dot + 1));
    if (host != kNone) return host;
  }
  return kNone;
}

}  // namespace cirque::route
