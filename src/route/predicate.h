#pragma once
// What a route asks of a request beside its host and path, compiled: method, source address, header
// fields, parameters, cookies.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "route/address_set.h"
#include "route/facts.h"
#include "route/finding.h"
#include "route/regex.h"
#include "route/spec.h"
#include "route/texts.h"

namespace cirque::route {

// One condition. Plain numbers; what they mean is in the Predicates that made it.
struct Predicate {
  Part part;         // Method, Source, Header, Query or Cookie
  Test test;         // of a field
  Name id;           // of a header field that the proxy knows by number
  TextSpan name;     // of a field
  TextSpan text;     // what is wanted, as the specification has it; lists with a space between
  std::uint32_t at;  // bits of known methods; index of a set of networks or of a regex
};

// The predicates of all routes of a router, those of a route side by side, in the order in which
// they are asked: method, source, headers, query, cookies. Grows while the router is compiled;
// then any thread may ask.
class Predicates {
 public:
  struct Span {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  // Compiles what `route` asks for; findings get `place` and the part that is meant. A condition
  // that stands twice counts once.
  Span add(const RouteSpec& route, Place place, Findings& findings);

  // The first of them that does not hold; null: all hold. Takes no memory. A parameter longer than
  // kDecodedBytesMax never matches a regex.
  static constexpr std::size_t kDecodedBytesMax = 8 * 1024;
  const Predicate* first_failed(Span span, const Facts& facts) const noexcept;
  bool holds(const Predicate& predicate, const Facts& facts) const noexcept;

  std::span<const Predicate> all() const noexcept { return all_; }

  const Predicate* begin_of(Span span) const noexcept { return all_.data() + span.first; }

  // What a route of one predicate would take is all taken by a route of the other.
  bool implies(const Predicate& narrow, const Predicate& wide) const noexcept;

  std::string_view name_of(const Predicate& predicate) const noexcept {
    return texts_[predicate.name];
  }

  std::string_view text_of(const Predicate& predicate) const noexcept {
    return texts_[predicate.text];
  }

  // Regular expressions are kept once, however many routes have them: also those of paths.
  Parsed<std::uint32_t> add_regex(std::string_view text);

  const Regex& regex(std::uint32_t number) const noexcept { return regexes_[number]; }

  // Nothing more will be added.
  void shrink();

  std::size_t bytes() const noexcept;  // without what regexes and networks take

 private:
  friend class PredicateReader;

  bool has_method(const Predicate& predicate, const Facts& facts) const noexcept;
  bool has_field(const Predicate& predicate, const Facts& facts) const noexcept;
  bool has_header(const Predicate& predicate, const Facts& facts) const noexcept;
  bool has_upgrade(const Predicate& predicate, const Facts& facts) const noexcept;
  bool has_parameter(const Predicate& predicate, const Facts& facts) const noexcept;
  bool has_cookie(const Predicate& predicate, const Facts& facts) const noexcept;
  bool is_wanted(const Predicate& predicate, std::string_view value) const noexcept;
  bool is_wanted_encoded(const Predicate& predicate, std::string_view value) const noexcept;

  std::vector<Predicate> all_;
  Texts texts_;
  std::vector<Regex> regexes_;
  std::vector<AddressSet> networks_;
  std::unordered_map<std::string, std::uint32_t> regex_numbers_;  // while compiling
};

}  // namespace cirque::route
