#pragma once
// Reads the conditions of one route into Predicates, and finds those that exclude each other.
#include "route/predicate.h"

namespace cirque::route {

// Why no header field can pass that test, in words that follow a quotation of the text; empty: some
// can.
std::string_view impossible_value(Test test, std::string_view text) noexcept;

class PredicateReader {
 public:
  // `place` names host and route; both references must live as long as the reader.
  PredicateReader(Predicates& to, Place place, Findings& findings)
      : to_(to), place_(place), findings_(findings) {}

  Predicates::Span read(const RouteSpec& route);

 private:
  void read_methods(const std::vector<std::string>& methods);
  void read_sources(const std::vector<std::string>& sources);
  void read_fields(Part part, const std::vector<FieldSpec>& fields);
  bool is_valid(Part part, const FieldSpec& field);
  void push_field(Part part, std::uint32_t item, const FieldSpec& field);
  void contradict(const Predicate& one, std::uint32_t item);
  Place at(Part part, std::uint32_t item) const noexcept;
  void report(Finding::Kind kind, std::string what, std::size_t offset = 0);

  Predicates& to_;
  Place place_;  // what is being read just now
  Findings& findings_;
  std::uint32_t first_ = 0;
};

}  // namespace cirque::route
