#include "config/route_findings.h"

#include <fmt/format.h>

#include <utility>

#include "config/critic.h"

namespace cirque::config {
namespace {

using route::kNone;

class Telling : Critic {
 public:
  Telling(const Model& model, std::span<const std::uint32_t> hosts, const Places& places,
          Report& report)
      : Critic(places, report), model_(model), hosts_(hosts) {}

  void tell(const route::Finding& finding) {
    using Kind = route::Finding::Kind;
    auto code = finding.kind == Kind::Invalid         ? Code::BadRoute
                : finding.kind == Kind::DuplicateHost ? Code::DuplicateHost
                                                      : Code::DeadRoute;
    // A name that is missing is told as that.
    if (finding.at.is_name && !places_.at(text_at(finding.at))) return;
    auto [field, spot] = place_of(finding.at);
    std::string message = fmt::format("{} {}", subject_of(finding), finding.what);
    if (const auto* other = place_of(finding.other).second;
        other && finding.other.host != kNone && other != spot) {
      message += fmt::format(" ({})", report_.where(*other, spot ? *spot : Spot{}));
    }
    auto path = places_.at(field) ? places_.path(field) : places_.path_of_record(field);
    report_.add(code, spot ? *spot : Spot{}, std::move(path), std::move(message));
  }

 private:
  // What a finding is about, quoted.
  std::string subject_of(const route::Finding& finding) {
    const auto* text = text_at(finding.at);
    if (text) return fmt::format("'{}'", *text);
    if (finding.at.route == kNone) return "the host";
    const auto& route = model_.virtual_hosts[hosts_[finding.at.host]].routes[finding.at.route];
    return route.name.empty() ? std::string("the route")
                              : fmt::format("the route '{}'", route.name);
  }

  const std::string* text_at(const route::Place& at) {
    const auto& host = model_.virtual_hosts[hosts_[at.host]];
    if (at.part == route::Part::Name)
      return at.item < host.hosts.size() ? &host.hosts[at.item] : nullptr;
    if (at.route == kNone) return nullptr;
    const auto& route = host.routes[at.route];
    auto of_field = [&](const std::vector<FieldTest>& tests) -> const std::string* {
      if (at.item >= tests.size()) return nullptr;
      const auto& test = tests[at.item];
      if (at.is_name) return &test.name;
      if (!test.regex.empty()) return &test.regex;
      if (!test.prefix.empty()) return &test.prefix;
      return !test.value.empty() ? &test.value : &test.name;
    };
    switch (at.part) {
      case route::Part::Path:
        if (!route.path.empty()) return &route.path;
        if (!route.path_prefix.empty()) return &route.path_prefix;
        return !route.path_pattern.empty() ? &route.path_pattern : &route.path_regex;
      case route::Part::Method:
        return at.item < route.methods.size() ? &route.methods[at.item] : nullptr;
      case route::Part::Source:
        return at.item < route.sources.size() ? &route.sources[at.item] : nullptr;
      case route::Part::Header:
        return of_field(route.headers);
      case route::Part::Query:
        return of_field(route.query);
      case route::Part::Cookie:
        return of_field(route.cookies);
      default:
        return nullptr;
    }
  }

  // The value that is meant, or its record, and where that stands.
  std::pair<const void*, const Spot*> place_of(const route::Place& at) {
    if (at.host == kNone) return {nullptr, nullptr};
    if (const auto* text = text_at(at)) {
      if (const auto* spot = places_.at(text)) return {text, spot};
    }
    const auto& host = model_.virtual_hosts[hosts_[at.host]];
    const void* record =
        at.route == kNone ? static_cast<const void*>(&host) : &host.routes[at.route];
    return {record, places_.at_record(record)};
  }

  const Model& model_;
  std::span<const std::uint32_t> hosts_;
};

}  // namespace

void tell_findings(const route::Findings& findings, const Model& model,
                   std::span<const std::uint32_t> hosts, const Places& places, Report& report) {
  Telling telling(model, hosts, places, report);
  for (const auto& finding : findings) telling.tell(finding);
}

}  // namespace cirque::config
