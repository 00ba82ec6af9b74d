#include "config/route_reader.h"

#include "config/critic.h"

namespace cirque::config {
namespace {

class Reading : Critic {
 public:
  Reading(const Places& places, Report& report) : Critic(places, report) {}

  route::PathSpec path_of(const Route& route) {
    using route::PathKind;
    route::PathSpec spec;
    const void* first = nullptr;
    auto take = [&](const std::string& text, PathKind kind) {
      if (text.empty()) return;
      if (first) {
        add(Code::TwoPaths, &text, "a route has one path at most, and this is its second");
        return;
      }
      first = &text;
      spec = {kind, text};
    };
    take(route.path, PathKind::Exact);
    take(route.path_prefix, PathKind::Prefix);
    take(route.path_pattern, PathKind::Pattern);
    take(route.path_regex, PathKind::Regex);
    return spec;
  }

  std::vector<route::FieldSpec> fields_of(const std::vector<FieldTest>& tests) {
    std::vector<route::FieldSpec> specs;
    for (const auto& test : tests) {
      using route::Test;
      auto& spec = specs.emplace_back(route::FieldSpec{
          .name = test.name, .test = test.present ? Test::Present : Test::Absent, .text = {}});
      const std::string* first = nullptr;
      auto take = [&](const std::string& text, Test kind) {
        if (text.empty()) return;
        if (first || !test.present) {
          add(Code::TwoTests, &text,
              test.present ? "a field has one test at most, and this is its second"
                           : "what is to be absent has no value");
          return;
        }
        first = &text;
        spec.test = kind;
        spec.text = text;
      };
      take(test.value, Test::Exact);
      take(test.prefix, Test::Prefix);
      take(test.regex, Test::Regex);
    }
    return specs;
  }
};

}  // namespace

route::RouteSpec route_spec_of(const Route& route, const Places& places, Report& report) {
  Reading reading(places, report);
  route::RouteSpec spec;
  spec.path = reading.path_of(route);
  spec.methods = route.methods;
  spec.sources = route.sources;
  spec.headers = reading.fields_of(route.headers);
  spec.query = reading.fields_of(route.query);
  spec.cookies = reading.fields_of(route.cookies);
  return spec;
}

}  // namespace cirque::config
