#include "app/touch.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace cirque::app {
namespace {

using Names = std::map<std::string, std::string>;  // to what there is

Names listeners_of(const config::Blueprint& blueprint) {
  Names names;
  for (const auto& lane : blueprint.lanes) names.emplace(lane.name, lane.address.text);
  return names;
}

std::set<std::string> backends_of(const config::Blueprint& blueprint) {
  std::set<std::string> backends;
  for (const auto& pool : blueprint.pools) {
    for (const auto& origin : pool.origins)
      backends.insert(fmt::format("{} (pool {})", origin.text, pool.name));
  }
  return backends;
}

// Of `one` what `other` does not have.
template <class Set>
std::vector<std::string> only_in(const Set& one, const Set& other) {
  std::vector<std::string> only;
  for (const auto& item : one) {
    if (!other.contains(item)) only.push_back(item);
  }
  return only;
}

void add_line(std::string& out, std::string_view what, const std::vector<std::string>& items) {
  if (!items.empty()) out += fmt::format("touches: {}: {}\n", what, fmt::join(items, ", "));
}

}  // namespace

Touch touched_by(const config::Blueprint& before, const config::Blueprint& after,
                 const std::function<std::uint32_t(std::string_view)>& connections) {
  Touch touch;
  auto old_listeners = listeners_of(before), new_listeners = listeners_of(after);
  for (const auto& [name, address] : new_listeners) {
    auto old = old_listeners.find(name);
    if (old == old_listeners.end()) {
      touch.opened.push_back(fmt::format("{} ({})", name, address));
    } else if (old->second != address) {
      touch.opened.push_back(fmt::format("{} ({}, no longer {})", name, address, old->second));
    }
  }
  for (const auto& [name, address] : old_listeners) {
    if (new_listeners.contains(name)) continue;
    auto open = connections(name);
    touch.drained.push_back(fmt::format("{} ({}, {} {} open)", name, address, open,
                                        open == 1 ? "connection" : "connections"));
  }
  auto old_backends = backends_of(before), new_backends = backends_of(after);
  touch.joining = only_in(new_backends, old_backends);
  touch.leaving = only_in(old_backends, new_backends);
  return touch;
}

std::string render(const Touch& touch) {
  std::string out;
  add_line(out, "listeners that open", touch.opened);
  add_line(out, "listeners that drain", touch.drained);
  add_line(out, "backends that join", touch.joining);
  add_line(out, "backends that leave", touch.leaving);
  return out.empty() ? "touches: no listener and no backend\n" : out;
}

}  // namespace cirque::app
