#include "route/words.h"

#include "base/text.h"
#include "route/parameters.h"

namespace cirque::route {
namespace {

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::string wanted_of(const Predicate& predicate, const Predicates& predicates) {
  std::string text(predicates.text_of(predicate));
  std::string name(predicates.name_of(predicate));
  if (predicate.part == Part::Method || predicate.part == Part::Source) {
    return (text.contains(' ') ? "one of " : "") + text;
  }
  switch (predicate.test) {
    case Test::Present:
      return name + " is there";
    case Test::Absent:
      return name + " is absent";
    case Test::Exact:
      return name + " is " + quoted(text);
    case Test::Prefix:
      return name + " begins with " + quoted(text);
    case Test::Regex:
      return name + " matches " + quoted(text);
  }
  return name;
}

// The values that a request has in one place, cut when they are enough to know.
class Values {
 public:
  void add(std::string_view value) {
    if (text_.size() > Failure::kFoundBytesMax) return;
    if (!text_.empty()) text_ += ", ";
    text_ += quoted(value.substr(0, Failure::kFoundBytesMax));
  }

  std::string text() && {
    if (text_.empty()) return "nothing";
    if (text_.size() > Failure::kFoundBytesMax) text_.resize(Failure::kFoundBytesMax);
    return std::move(text_);
  }

 private:
  std::string text_;
};

std::string header_values(const Predicate& predicate, std::string_view name, const Facts& facts) {
  Values values;
  if (predicate.id == Name::Upgrade && !facts.upgrade.empty()) values.add(facts.upgrade);
  if (facts.headers) {
    for (const Field& field : *facts.headers) {
      if (base::equal_fold(field.name, name)) values.add(field.value);
    }
  }
  return std::move(values).text();
}

std::string parameter_values(std::string_view wanted, const Facts& facts) {
  Values values;
  any_parameter(facts.query, [&](std::string_view name, std::string_view value) {
    if (decodes_to(name, wanted)) values.add(value);
    return false;
  });
  return std::move(values).text();
}

std::string cookie_values(std::string_view wanted, const Facts& facts) {
  Values values;
  if (facts.headers) {
    for (const Field& field : *facts.headers) {
      if (field.id != Name::Cookie) continue;
      any_cookie(field.value, [&](std::string_view name, std::string_view value) {
        if (name == wanted) values.add(value);
        return false;
      });
    }
  }
  return std::move(values).text();
}

std::string found_for(const Predicate& predicate, const Predicates& predicates,
                      const Facts& facts) {
  std::string_view name = predicates.name_of(predicate);
  switch (predicate.part) {
    case Part::Method:
      return std::string(facts.method_text.substr(0, Failure::kFoundBytesMax));
    case Part::Source:
      return facts.source ? facts.source->ip_text() : "no address";
    case Part::Header:
      return header_values(predicate, name, facts);
    case Part::Query:
      return parameter_values(name, facts);
    case Part::Cookie:
      return cookie_values(name, facts);
    case Part::Name:
    case Part::Path:
    case Part::Whole:
      break;
  }
  return {};
}

const char* word_of(PathKind kind) noexcept {
  switch (kind) {
    case PathKind::Any:
      return "any path";
    case PathKind::Exact:
      return "path ";
    case PathKind::Prefix:
      return "prefix ";
    case PathKind::Pattern:
      return "pattern ";
    case PathKind::Regex:
      return "regex ";
  }
  return "";
}

}  // namespace

Failure failure_of(const Predicate& predicate, const Predicates& predicates, const Facts& facts) {
  return {predicate.part, wanted_of(predicate, predicates),
          found_for(predicate, predicates, facts)};
}

Failure path_failure(const PathLabel& label, const Texts& texts, const Facts& facts) {
  return {Part::Path, word_of(label.kind) + std::string(texts[label.text]),
          std::string(facts.path.substr(0, Failure::kFoundBytesMax))};
}

}  // namespace cirque::route
