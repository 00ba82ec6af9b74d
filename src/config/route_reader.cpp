#include "config/route_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/critic.h"
#include "http/forwarding.h"
#include "http/target.h"

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
    for (const auto& method : route.methods) check_method(method);
    bool is_any_served = std::ranges::any_of(
        route.methods, [](const auto& method) { return http::is_served(method_of(method)); });
    if (is_any_served) return;
    for (const auto& method : route.methods) {
      add(Code::DeadRoute, &method,
          fmt::format("'{}' never matches: every such request is answered with 405", method));
    }
  }

  // What is no token, or too long for a method, is told by others.
  void check_method(const std::string& method) {
    auto capitals = in_capitals(method);
    if (http::is_method(method) || !http::is_method(capitals)) return;
    add(Code::DeadRoute, &method,
        fmt::format("'{}' never matches: no request with small letters in its method is taken",
                    method))
        .hint = fmt::format("write {}", capitals);
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

  // What the proxy takes off every request is there for no route.
  void check_headers(const std::vector<FieldTest>& tests) {
    for (const auto& test : tests) {
      if (!test.present || http::reaches_routes(test.name)) continue;
      add(Code::DeadRoute, &test.name,
          fmt::format("'{}' never matches: {}", test.name, why_kept_back(test.name)));
    }
  }
};

}  // namespace

std::string_view why_kept_back(std::string_view name) {
  if (http::is_dropped(name)) {
    return "fields with an underscore in their names are not taken from clients";
  }
  return "the field is for the proxy itself, and gone before a route is looked for";
}

route::RouteSpec route_spec_of(const Route& route, const Places& places, Report& report) {
  Reading reading(places, report);
  route::RouteSpec spec;
  reading.check_lists(route);
  spec.path = reading.path_of(route);
  spec.methods = route.methods;
  spec.sources = route.sources;
  spec.headers = reading.fields_of(route.headers);
  reading.check_headers(route.headers);
  spec.query = reading.fields_of(route.query);
  spec.cookies = reading.fields_of(route.cookies);
  return spec;
}

}  // namespace cirque::config
