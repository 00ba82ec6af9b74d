#include "route/compiler.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "route/shadow.h"

namespace cirque::route {
namespace {

bool is_keyed(PathClass kind) noexcept {
  return kind == PathClass::Exact || kind == PathClass::Shaped;
}

using Specs = std::span<const VirtualHostSpec* const>;

std::size_t count_routes(Specs hosts) noexcept {
  std::size_t routes = 0;
  for (const auto* host : hosts) routes += host->routes.size();
  return routes;
}

std::size_t count_names(Specs hosts) noexcept {
  std::size_t names = 0;
  for (const auto* host : hosts) names += host->names.size();
  return names;
}

void sort_by_place(Findings& findings) {
  std::ranges::sort(findings, {}, [](const Finding& finding) {
    const Place& at = finding.at;
    return std::tuple(at.host, at.route + 1, at.part, at.item);  // kNone, the host itself, first
  });
}

}  // namespace

Router::Compiled Router::compile(std::span<const VirtualHostSpec> hosts) {
  std::vector<const VirtualHostSpec*> all;
  for (const auto& host : hosts) all.push_back(&host);
  return compile_selected(all);
}

Router::Compiled Router::compile_selected(std::span<const VirtualHostSpec* const> hosts) {
  return Compiler(hosts).compile();
}

Compiler::Compiler(Specs hosts) : specs_(hosts), exact_names_(count_names(hosts)) {
  names_.reserve(count_names(hosts));
  name_places_.reserve(count_names(hosts));
}

Router::Compiled Compiler::compile() {
  CIRQUE_CHECK(specs_.size() < kNone && count_routes(specs_) < kNone);
  std::size_t routes = count_routes(specs_);
  plan_.routes.reserve(routes);
  plan_.labels.reserve(routes);
  plan_.hosts.reserve(specs_.size());
  for (std::uint32_t host = 0; host < specs_.size(); ++host) {
    read_names(host);
    read_routes(host);
    place_routes(host);
  }
  plan_.texts.shrink();
  plan_.predicates.shrink();
  groups_.shrink_to_fit();
  plan_.names = HostTable(names_);
  plan_.paths = PathTable(std::move(groups_), plan_.texts);
  sort_by_place(findings_);
  bool is_sound = std::ranges::all_of(findings_, is_harmless, &Finding::kind);
  return {is_sound ? std::make_unique<const Router>(std::move(plan_)) : nullptr,
          std::move(findings_)};
}

void Compiler::read_names(std::uint32_t host) {
  const auto& names = specs_[host]->names;
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    Place place{.host = host, .part = Part::Name, .item = i};
    auto name = HostPattern::parse(names[i]);
    if (name) {
      read_name(std::move(*name), place);
    } else {
      refuse(place, std::move(name.error()));
    }
  }
}

void Compiler::read_name(HostPattern name, Place place) {
  names_.push_back({std::move(name), place.host});
  name_places_.push_back(place);
  auto last = static_cast<std::uint32_t>(names_.size() - 1);
  std::uint32_t first = first_named(names_.back().name, last);
  if (first == last) return;
  findings_.push_back({Finding::Kind::DuplicateHost, place, name_places_[first], 0,
                       "is named already, and the first to name it serves it"});
  names_.pop_back();
  name_places_.pop_back();
}

// An exact name and a wildcard of the same suffix are two different names.
std::uint32_t Compiler::first_named(const HostPattern& name, std::uint32_t number) {
  switch (name.kind) {
    case HostPattern::Kind::Exact:
      return exact_names_.emplace(name.text, number).first;
    case HostPattern::Kind::Wildcard:
      return wildcards_.emplace(name.text, number).first;
    case HostPattern::Kind::Default:
      break;
  }
  if (!default_name_) default_name_ = number;
  return *default_name_;
}

void Compiler::read_routes(std::uint32_t host) {
  drafts_.clear();
  for (std::uint32_t i = 0; i < specs_[host]->routes.size(); ++i) read_route(host, i);
  std::ranges::sort(drafts_, is_tried_before);
  find_unreachable(drafts_, plan_.predicates, host, findings_);
}

void Compiler::read_route(std::uint32_t host, std::uint32_t route) {
  const RouteSpec& spec = specs_[host]->routes[route];
  std::size_t told = findings_.size();
  Draft draft{.in_host = route, .target = spec.target};
  draft.predicates = plan_.predicates.add(spec, {.host = host, .route = route}, findings_);
  read_path(draft, spec.path, {.host = host, .route = route, .part = Part::Path});
  plan_.labels.push_back({spec.path.kind, plan_.texts.add(draft.form.label)});
  // What cannot be read is judged no further: without its flawed part it would seem to hide other
  // routes, or to be hidden.
  auto news = std::span(findings_).subspan(told);
  if (spec.is_torn || !std::ranges::all_of(news, is_harmless, &Finding::kind)) return;
  if (is_keyed(draft.form.kind)) draft.key = draft.form.nameless();
  draft.rank = Rank::of(draft.form.kind, draft.form.shape, draft.predicates.count);
  drafts_.push_back(std::move(draft));
}

void Compiler::read_path(Draft& draft, const PathSpec& path, Place place) {
  auto form = PathForm::parse(path);
  if (!form) return refuse(place, std::move(form.error()));
  draft.form = std::move(*form);
  if (draft.form.kind != PathClass::Regex) return;
  auto regex = plan_.predicates.add_regex(draft.form.text);
  if (!regex) return refuse(place, std::move(regex.error()));
  draft.regex = *regex;
  judge_regex(draft, place);
}

// Paths begin with a slash; a regex that begins with anything else was meant to search.
void Compiler::judge_regex(const Draft& draft, Place place) {
  const Regex& regex = plan_.predicates.regex(draft.regex);
  auto range = regex.range();
  bool may_begin_with_slash = !range || (range->greatest >= "/" && range->least < "0");
  if (may_begin_with_slash || regex.matches("*")) return;
  findings_.push_back({Finding::Kind::Contradiction,
                       place,
                       {},
                       0,
                       "never matches, because a path begins with a slash, and a regex must take "
                       "the whole path: write /.* or .* in front"});
}

void Compiler::place_routes(std::uint32_t host) {
  auto first = static_cast<std::uint32_t>(plan_.routes.size());
  auto begin_of = [&](PathClass kind) {
    auto at = std::ranges::find_if(drafts_, [&](const Draft& d) { return d.form.kind <= kind; });
    return first + static_cast<std::uint32_t>(at - drafts_.begin());
  };
  HostPlan plan{.exact = first,
                .shaped = begin_of(PathClass::Shaped),
                .regexes = begin_of(PathClass::Regex),
                .any = begin_of(PathClass::Any),
                .end = first + static_cast<std::uint32_t>(drafts_.size())};
  plan.shapes = shapes_of_drafts(plan.shape_count);
  plan_.hosts.push_back(plan);
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    if (is_keyed(drafts_[i].form.kind)) place_group(host, i);
    const Draft& draft = drafts_[i];
    plan_.routes.push_back({draft.target, draft.in_host, draft.regex, draft.predicates});
  }
}

void Compiler::place_group(std::uint32_t host, std::size_t at) {
  const Draft& draft = drafts_[at];
  if (at > 0 && draft.has_paths_of(drafts_[at - 1])) {
    ++groups_.back().routes;
    return;
  }
  TextSpan text = plan_.labels[plan_.hosts[host].exact + draft.in_host].text;
  if (plan_.texts[text] != draft.key) text = plan_.texts.add(draft.key);
  groups_.push_back({host, draft.form.kind, draft.form.shape, text,
                     static_cast<std::uint32_t>(plan_.routes.size()), 1});
}

// Where the list of this host's shapes begins, best first.
std::uint32_t Compiler::shapes_of_drafts(std::uint32_t& count) {
  std::vector<Shape> shapes;
  for (const Draft& draft : drafts_) {
    bool is_new = shapes.empty() || !(shapes.back() == draft.form.shape);
    if (draft.form.kind == PathClass::Shaped && is_new) shapes.push_back(draft.form.shape);
  }
  count = static_cast<std::uint32_t>(shapes.size());
  std::vector<std::uint64_t> codes;
  for (Shape shape : shapes) codes.push_back(shape.code());
  auto [known, is_new] =
      shape_lists_.emplace(std::move(codes), static_cast<std::uint32_t>(plan_.shapes.size()));
  if (is_new) plan_.shapes.insert(plan_.shapes.end(), shapes.begin(), shapes.end());
  return known->second;
}

void Compiler::refuse(Place place, Flaw found) {
  findings_.push_back({Finding::Kind::Invalid, place, {}, found.offset, std::move(found.what)});
}

}  // namespace cirque::route
