#include "route/predicate_reader.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cirque::route {
namespace {

using Kind = Finding::Kind;

constexpr std::string_view kSpaces = " \t";

// Why no field can have that value; empty: some can.
std::string_view impossible_value(Part part, const FieldSpec& field) {
  if (part == Part::Query) return {};
  if (part == Part::Cookie && field.test != Test::Regex && field.text.contains(';')) {
    return "never matches, because a semicolon ends a cookie";
  }
  return impossible_value(field.test, field.text);
}

// Why there is no field of that name; empty: there may be.
std::string_view impossible_name(Part part, std::string_view name) {
  if (name.empty()) return "has no name";
  if (part == Part::Query) return {};
  if (!base::is_token(name))
    return "has a name that is no token: letters, digits and !#$%&'*+-.^_`|~";
  return {};
}

}  // namespace

std::string_view impossible_value(Test test, std::string_view text) noexcept {
  if (test != Test::Exact && test != Test::Prefix) return {};
  auto ends_value = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  if (std::ranges::any_of(text, ends_value)) {
    return "never matches, because no field holds a line end or NUL";
  }
  bool begins = !text.empty() && kSpaces.contains(text.front());
  bool ends = test == Test::Exact && !text.empty() && kSpaces.contains(text.back());
  if (begins || ends) return "never matches, because fields come without spaces around them";
  return {};
}

Predicates::Span Predicates::add(const RouteSpec& route, Place place, Findings& findings) {
  return PredicateReader(*this, place, findings).read(route);
}

Predicates::Span PredicateReader::read(const RouteSpec& route) {
  first_ = static_cast<std::uint32_t>(to_.all_.size());
  if (!route.methods.empty()) read_methods(route.methods);
  if (!route.sources.empty()) read_sources(route.sources);
  read_fields(Part::Header, route.headers);
  read_fields(Part::Query, route.query);
  read_fields(Part::Cookie, route.cookies);
  return {first_, static_cast<std::uint32_t>(to_.all_.size()) - first_};
}

void PredicateReader::read_methods(const std::vector<std::string>& methods) {
  std::uint32_t bits = 0;
  std::string list;
  for (std::uint32_t i = 0; i < methods.size(); ++i) {
    place_ = at(Part::Method, i);
    if (!base::is_token(methods[i])) {
      report(Kind::Invalid, "is not a method: methods are tokens, such as GET");
      continue;
    }
    bits |= std::uint32_t{1} << static_cast<unsigned>(method_of(methods[i]));
    list += (list.empty() ? "" : " ") + methods[i];
  }
  to_.all_.push_back({Part::Method, Test::Present, Name::Other, {}, to_.texts_.add(list), bits});
}

void PredicateReader::read_sources(const std::vector<std::string>& sources) {
  std::vector<Network> networks;
  std::string list;
  for (std::uint32_t i = 0; i < sources.size(); ++i) {
    place_ = at(Part::Source, i);
    auto network = Network::parse(sources[i]);
    if (!network) {
      report(Kind::Invalid, "is not a network: write 10.0.0.0/8, 2001:db8::/32 or an address");
      continue;
    }
    networks.push_back(*network);
    list += (list.empty() ? "" : " ") + sources[i];
  }
  auto number = static_cast<std::uint32_t>(to_.networks_.size());
  to_.networks_.emplace_back(networks);
  to_.all_.push_back({Part::Source, Test::Present, Name::Other, {}, to_.texts_.add(list), number});
}

void PredicateReader::read_fields(Part part, const std::vector<FieldSpec>& fields) {
  for (std::uint32_t i = 0; i < fields.size(); ++i) {
    place_ = at(part, i);
    if (is_valid(part, fields[i])) push_field(part, i, fields[i]);
  }
}

bool PredicateReader::is_valid(Part part, const FieldSpec& field) {
  if (auto why = impossible_name(part, field.name); !why.empty()) {
    place_.is_name = true;
    report(Kind::Invalid, std::string(why));
    return false;
  }
  if (auto why = impossible_value(part, field); !why.empty()) {
    report(Kind::Contradiction, std::string(why));
  }
  return true;
}

void PredicateReader::push_field(Part part, std::uint32_t item, const FieldSpec& field) {
  Predicate predicate{part, field.test, Name::Other, {}, {}, 0};
  if (part == Part::Header) predicate.id = name_of(field.name);
  if (field.test == Test::Regex) {
    auto number = to_.add_regex(field.text);
    if (!number) return report(Kind::Invalid, number.error().what, number.error().offset);
    predicate.at = *number;
  }
  bool has_text = field.test != Test::Present && field.test != Test::Absent;
  predicate.name = to_.texts_.add(part == Part::Header ? base::lowered(field.name) : field.name);
  predicate.text = to_.texts_.add(has_text ? std::string_view(field.text) : std::string_view());
  auto same = [&](const Predicate& other) {
    return to_.implies(predicate, other) && to_.implies(other, predicate);
  };
  if (std::any_of(to_.all_.begin() + first_, to_.all_.end(), same)) return;
  contradict(predicate, item);
  to_.all_.push_back(predicate);
}

// A field may occur twice with two values, so "is a" and "is b" can hold together; only "is not
// there" excludes all others.
void PredicateReader::contradict(const Predicate& one, std::uint32_t item) {
  for (auto other = to_.all_.begin() + first_; other != to_.all_.end(); ++other) {
    bool same_field = other->part == one.part && to_.name_of(*other) == to_.name_of(one);
    bool excludes = (other->test == Test::Absent) != (one.test == Test::Absent);
    if (!same_field || !excludes) continue;
    place_ = at(one.part, item);
    place_.is_name = true;
    return report(Kind::Contradiction,
                  "never matches, because the same field is asked to be there and to be absent");
  }
}

Place PredicateReader::at(Part part, std::uint32_t item) const noexcept {
  return {place_.host, place_.route, part, item};
}

void PredicateReader::report(Kind kind, std::string what, std::size_t offset) {
  findings_.push_back({kind, place_, {}, offset, std::move(what)});
}

}  // namespace cirque::route
