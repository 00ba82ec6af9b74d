#include "config/route_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/critic.h"

namespace cirque::config {
namespace {

std::string in_capitals(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

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

  // What is asked of nobody would be asked of everybody.
  void check_lists(const Route& route) {
    check_list(route.methods, "methods");
    check_list(route.sources, "sources");
    for (const auto& method : route.methods) {
      bool is_taken = std::ranges::none_of(method, [](char c) { return c >= 'a' && c <= 'z'; });
      if (is_taken || !base::is_token(method)) continue;
      add(Code::DeadRoute, &method,
          fmt::format("'{}' never matches: no request with small letters in its method is taken",
                      method))
          .hint = fmt::format("write {}", in_capitals(method));
    }
  }

  void check_list(const std::vector<std::string>& list, std::string_view key) {
    if (!list.empty() || !places_.at(&list)) return;
    add(Code::NoValue, list, fmt::format("'{}' is empty: the route would be for nobody", key))
        .expected = "at least one item, or not the key";
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
  reading.check_lists(route);
  spec.path = reading.path_of(route);
  spec.methods = route.methods;
  spec.sources = route.sources;
  spec.headers = reading.fields_of(route.headers);
  spec.query = reading.fields_of(route.query);
  spec.cookies = reading.fields_of(route.cookies);
  return spec;
}

}  // namespace cirque::config
