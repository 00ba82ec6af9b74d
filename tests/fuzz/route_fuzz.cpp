// Routers from any bytes: compiling never crashes, offsets lie within their texts, and match() and
// explain() agree on whatever is asked of what was compiled.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "route/explain.h"
#include "route/router.h"

using namespace cirque;
using namespace cirque::route;

namespace {

// A line a thing: "h NAME" begins a host, "e", "p", "t", "r" and "a" a route by kind of path; "H",
// "Q" and "C" add a field to it, whose first character chooses the test, up to "=" its name; "M" a
// method, "S" a source; "?" asks for a path, "@" for a host.
class Script {
 public:
  explicit Script(std::string_view text) {
    while (!text.empty()) {
      auto line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      if (!line.empty()) read(line.front(), std::string(line.substr(1)));
    }
  }

  std::vector<VirtualHostSpec> hosts;
  std::vector<std::string> paths;
  std::vector<std::string> names;

 private:
  void read(char verb, std::string text) {
    if (verb == '?') return paths.push_back(text);
    if (verb == '@') return names.push_back(text);
    if (hosts.empty() || (verb == 'h' && !hosts.back().routes.empty())) hosts.emplace_back();
    if (verb == 'h') return hosts.back().names.push_back(text);
    constexpr std::string_view kKinds = "aeptr";  // in the order of PathKind
    if (auto kind = kKinds.find(verb); kind != std::string_view::npos) {
      hosts.back().routes.push_back({.path = {static_cast<PathKind>(kind), text}});
      return;
    }
    if (!hosts.back().routes.empty()) add(hosts.back().routes.back(), verb, text);
  }

  static void add(RouteSpec& route, char verb, const std::string& text) {
    if (verb == 'M') route.methods.push_back(text);
    if (verb == 'S') route.sources.push_back(text);
    if (verb == 'H') route.headers.push_back(field(text));
    if (verb == 'Q') route.query.push_back(field(text));
    if (verb == 'C') route.cookies.push_back(field(text));
  }

  static FieldSpec field(const std::string& text) {
    if (text.empty()) return {};
    auto test = static_cast<Test>(static_cast<unsigned char>(text[0]) % 5);
    auto equals = std::min(text.find('=', 1), text.size());
    auto value = equals < text.size() ? text.substr(equals + 1) : std::string();
    return {text.substr(1, equals - 1), test, value};
  }
};

void expect(bool holds) {
  if (!holds) std::abort();
}

std::size_t longest_text(const Script& script) {
  std::size_t longest = 0;
  auto see = [&](const std::string& text) { longest = std::max(longest, text.size()); };
  for (const auto& host : script.hosts) {
    for (const auto& name : host.names) see(name);
    for (const auto& route : host.routes) {
      see(route.path.text);
      for (const auto& header : route.headers) see(header.text);
      for (const auto& parameter : route.query) see(parameter.text);
      for (const auto& cookie : route.cookies) see(cookie.text);
    }
  }
  return longest;
}

void ask(const Router& router, const Findings& findings, const Facts& facts) {
  auto match = router.match(facts);
  auto told = explain(router, facts);
  expect(told.match == match);
  if (!match) return;
  router.for_each_parameter(match, facts.path, [&](std::string_view, std::string_view value) {
    expect(value.empty() || facts.path.find(value) != std::string_view::npos);
  });
  // What was called unreachable is not reached by any path that there is.
  if (!facts.path.starts_with('/') && facts.path != "*") return;
  for (const auto& finding : findings) {
    expect(finding.at.host != match.host || finding.at.route != match.route);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Script script(text);
  auto compiled = Router::compile(script.hosts);
  std::size_t longest = longest_text(script);
  for (const auto& finding : compiled.findings) expect(finding.offset <= longest);
  if (!compiled.router) return 0;
  Arena arena;
  Headers headers(arena);
  headers.add("X-A", "b");
  headers.add("Cookie", "a=b; c");
  auto source = *Address::parse_ip("10.0.0.1", 1);
  script.names.push_back("");
  for (const auto& name : script.names) {
    for (const auto& path : script.paths) {
      auto query = path.find('?');
      Facts facts{.host = name,
                  .path = std::string_view(path).substr(0, query),
                  .headers = &headers,
                  .source = &source};
      if (query != std::string::npos) facts.query = std::string_view(path).substr(query + 1);
      ask(*compiled.router, compiled.findings, facts);
    }
  }
  return 0;
}
