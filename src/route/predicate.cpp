#include "route/predicate.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "route/parameters.h"

namespace cirque::route {

const Predicate* Predicates::first_failed(Span span, const Facts& facts) const noexcept {
  const Predicate* at = begin_of(span);
  for (const Predicate* end = at + span.count; at != end; ++at) {
    if (!holds(*at, facts)) return at;
  }
  return nullptr;
}

bool Predicates::holds(const Predicate& predicate, const Facts& facts) const noexcept {
  switch (predicate.part) {
    case Part::Method:
      return has_method(predicate, facts);
    case Part::Source:
      return facts.source && networks_[predicate.at].contains(*facts.source);
    case Part::Header:
    case Part::Query:
    case Part::Cookie:
      return has_field(predicate, facts) != (predicate.test == Test::Absent);
    case Part::Name:
    case Part::Path:
    case Part::Whole:
      break;
  }
  return true;
}

bool Predicates::has_method(const Predicate& predicate, const Facts& facts) const noexcept {
  if (facts.method != Method::Other) {
    return (predicate.at >> static_cast<unsigned>(facts.method) & 1) != 0;
  }
  std::string_view rest = texts_[predicate.text];
  while (!rest.empty()) {
    auto method = rest.substr(0, rest.find(' '));
    if (method == facts.method_text) return true;
    rest.remove_prefix(std::min(method.size() + 1, rest.size()));
  }
  return false;
}

// Of Absent: is there one at all?
bool Predicates::has_field(const Predicate& predicate, const Facts& facts) const noexcept {
  if (predicate.part == Part::Query) return has_parameter(predicate, facts);
  if (!facts.headers) return false;
  return predicate.part == Part::Header ? has_header(predicate, facts)
                                        : has_cookie(predicate, facts);
}

bool Predicates::has_header(const Predicate& predicate, const Facts& facts) const noexcept {
  if (predicate.id == Name::Upgrade) return has_upgrade(predicate, facts);
  if (!facts.headers->may_have({&predicate.id, 1})) return false;
  std::string_view name = texts_[predicate.name];
  for (const Field& field : *facts.headers) {
    if (field.id != predicate.id) continue;
    bool is_named = field.id != Name::Other || base::equal_fold(field.name, name);
    if (is_named && is_wanted(predicate, field.value)) return true;
  }
  return false;
}

// The line itself was for the hop before, and is not among the fields any more.
bool Predicates::has_upgrade(const Predicate& predicate, const Facts& facts) const noexcept {
  return !facts.upgrade.empty() && is_wanted(predicate, facts.upgrade);
}

bool Predicates::has_parameter(const Predicate& predicate, const Facts& facts) const noexcept {
  std::string_view wanted = texts_[predicate.name];
  return any_parameter(facts.query, [&](std::string_view name, std::string_view value) {
    return decodes_to(name, wanted) && is_wanted_encoded(predicate, value);
  });
}

bool Predicates::has_cookie(const Predicate& predicate, const Facts& facts) const noexcept {
  if (!facts.headers->has(Name::Cookie)) return false;
  std::string_view wanted = texts_[predicate.name];
  for (const Field& field : *facts.headers) {
    if (field.id != Name::Cookie) continue;
    bool found = any_cookie(field.value, [&](std::string_view name, std::string_view value) {
      return name == wanted && is_wanted(predicate, value);
    });
    if (found) return true;
  }
  return false;
}

bool Predicates::is_wanted(const Predicate& predicate, std::string_view value) const noexcept {
  switch (predicate.test) {
    case Test::Present:
    case Test::Absent:
      return true;
    case Test::Exact:
      return value == texts_[predicate.text];
    case Test::Prefix:
      return value.starts_with(texts_[predicate.text]);
    case Test::Regex:
      return regexes_[predicate.at].matches(value);
  }
  return false;
}

bool Predicates::is_wanted_encoded(const Predicate& predicate,
                                   std::string_view value) const noexcept {
  switch (predicate.test) {
    case Test::Exact:
      return decodes_to(value, texts_[predicate.text]);
    case Test::Prefix:
      return decodes_to_begin_with(value, texts_[predicate.text]);
    case Test::Regex: {
      std::array<char, kDecodedBytesMax> room;
      auto size = decode(value, room);
      return size && regexes_[predicate.at].matches({room.data(), *size});
    }
    case Test::Present:
    case Test::Absent:
      break;
  }
  return true;
}

bool Predicates::implies(const Predicate& narrow, const Predicate& wide) const noexcept {
  if (narrow.part != wide.part) return false;
  if (wide.part == Part::Source) return networks_[wide.at].covers(networks_[narrow.at]);
  if (wide.part == Part::Method) {
    // Methods that are not known by number make no difference between sets that are equal.
    if ((narrow.at & ~wide.at) != 0) return false;
    bool has_others = (narrow.at >> static_cast<unsigned>(Method::Other) & 1) != 0;
    return !has_others || text_of(narrow) == text_of(wide);
  }
  if (narrow.id != wide.id || name_of(narrow) != name_of(wide)) return false;
  switch (wide.test) {
    case Test::Absent:
      return narrow.test == Test::Absent;
    case Test::Present:
      return narrow.test != Test::Absent;
    case Test::Exact:
      return narrow.test == Test::Exact && text_of(narrow) == text_of(wide);
    case Test::Prefix:
      return (narrow.test == Test::Exact || narrow.test == Test::Prefix) &&
             text_of(narrow).starts_with(text_of(wide));
    case Test::Regex:
      if (narrow.test == Test::Exact) return regexes_[wide.at].matches(text_of(narrow));
      return narrow.test == Test::Regex && narrow.at == wide.at;
  }
  return false;
}

Parsed<std::uint32_t> Predicates::add_regex(std::string_view text) {
  if (auto known = regex_numbers_.find(std::string(text)); known != regex_numbers_.end()) {
    return known->second;
  }
  auto regex = Regex::compile(text);
  if (!regex) return std::unexpected(std::move(regex.error()));
  auto number = static_cast<std::uint32_t>(regexes_.size());
  regexes_.push_back(std::move(*regex));
  regex_numbers_.emplace(text, number);
  return number;
}

void Predicates::shrink() {
  all_.shrink_to_fit();
  texts_.shrink();
  regexes_.shrink_to_fit();
  networks_.shrink_to_fit();
  regex_numbers_ = {};
}

std::size_t Predicates::bytes() const noexcept {
  return all_.capacity() * sizeof(Predicate) + texts_.bytes();
}

}  // namespace cirque::route
