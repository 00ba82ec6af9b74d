// A million random requests to random routers: match(), explain() and a matcher that checks every
// route by the documented order, written from docs/routing.md without looking at the router, agree.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "route/explain.h"
#include "route/router.h"

using namespace cirque;
using namespace cirque::route;

namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CIRQUE_SLOW_BUILD
#endif
#endif
#if defined(CIRQUE_SLOW_BUILD) || !defined(NDEBUG)
constexpr int kRouters = 100;  // sanitizers and debug builds look for crashes, not for rare cases
#else
constexpr int kRouters = 2000;
#endif
constexpr int kRequests = 500;  // to each

using Words = std::vector<std::string>;

// What a request is, in the plainest form.
struct Asked {
  std::string host;
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::pair<std::string, std::string>> cookies;
  unsigned source;  // last byte of 10.0.0.x
};

// The few regular expressions of this test, once for the router and once as plain code.
struct PlainRegex {
  std::string text;
  std::function<bool(const std::string&)> takes;
};

const std::vector<PlainRegex>& regexes() {
  static const std::vector<PlainRegex> all = {
      {"/a.*", [](const std::string& t) { return t.starts_with("/a"); }},
      {".*b", [](const std::string& t) { return t.ends_with("b"); }},
      {".*", [](const std::string&) { return true; }},
      {"/[ab]/c", [](const std::string& t) { return t == "/a/c" || t == "/b/c"; }},
      {"/a/b(/.*)?", [](const std::string& t) { return t == "/a/b" || t.starts_with("/a/b/"); }},
      {"[a-c]+", [](const std::string& t) {
         return !t.empty() && t.find_first_not_of("abc") == std::string::npos;
       }}};
  return all;
}

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  std::vector<VirtualHostSpec> hosts() {
    Words names = {"*", "a.x", "b.x", "*.x", "*.b.x", "*.a.b.x", "x", "::1"};
    std::vector<VirtualHostSpec> hosts(1 + below(4));
    for (const auto& name : names) {
      if (below(3) != 0) hosts[below(hosts.size())].names.push_back(name);
    }
    std::uint32_t target = 0;
    for (auto& host : hosts) {
      host.routes.resize(below(14));
      for (auto& route : host.routes) route = some_route(target++);
    }
    return hosts;
  }

  Asked request() {
    Asked asked{.host = pick(
                    {"a.x", "A.X:80", "b.x.", "c.x", "c.b.x", "d.a.b.x", "x", "y", "", "[0::1]:1"}),
                .method = pick({"GET", "GET", "POST", "PURGE"}),
                .path = some_path(),
                .headers = some_pairs(),
                .query = some_pairs(),
                .cookies = some_pairs(),
                .source = static_cast<unsigned>(below(4))};
    return asked;
  }

 private:
  std::size_t below(std::size_t end) { return random_.next() % end; }

  std::string pick(const Words& words) { return words[below(words.size())]; }

  std::string some_segments(const Words& words, std::size_t most) {
    std::string path;
    for (std::size_t i = 1 + below(most); i > 0; --i) path += "/" + pick(words);
    return path;
  }

  std::string some_path() {
    if (below(30) == 0) return pick({"/", "*"});
    return some_segments({"a", "b", "c", "ab"}, 4) + (below(5) == 0 ? "/" : "");
  }

  PathSpec some_path_spec() {
    switch (below(6)) {
      case 0:
        return {PathKind::Exact, some_path()};
      case 1: {
        auto path = some_path();
        return {PathKind::Prefix, path == "*" ? "/" : path};
      }
      case 2:
      case 3:
        return {PathKind::Pattern, below(20) == 0 ? "/**"
                                                  : some_segments({"a", "b", "c", "*", "*"}, 4) +
                                                        pick({"", "", "/", "/**"})};
      case 4:
        return {PathKind::Regex, regexes()[below(regexes().size())].text};
      default:
        return {PathKind::Any, ""};
    }
  }

  std::vector<FieldSpec> some_fields() {
    std::vector<FieldSpec> fields;
    for (auto name : {"x", "y"}) {
      if (below(8) != 0) continue;
      auto test = static_cast<Test>(below(5));
      auto text = test == Test::Regex ? regexes().back().text : pick({"a", "b", "ab"});
      fields.push_back({name, test, text});
    }
    return fields;
  }

  RouteSpec some_route(std::uint32_t target) {
    RouteSpec route{.path = some_path_spec(),
                    .headers = some_fields(),
                    .query = some_fields(),
                    .cookies = some_fields(),
                    .target = target};
    if (below(6) == 0) route.methods = below(2) == 0 ? Words{"GET"} : Words{"POST", "PURGE"};
    if (below(8) == 0) route.sources = {pick({"10.0.0.0/31", "10.0.0.2", "10.0.0.0/8", "::1"})};
    return route;
  }

  std::vector<std::pair<std::string, std::string>> some_pairs() {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t i = below(3); i > 0; --i) {
      pairs.emplace_back(pick({"x", "y", "z"}), pick({"a", "b", "ab", "abd"}));
    }
    return pairs;
  }

  base::Random random_;
};

// The reference: plain, slow, and without a line of the router's.
class Reference {
 public:
  static std::pair<std::uint32_t, std::uint32_t> match(const std::vector<VirtualHostSpec>& hosts,
                                                       const Asked& asked) {
    std::uint32_t host = host_of(hosts, plain_name(asked.host));
    if (host == kNone) return {kNone, kNone};
    std::uint32_t best = kNone;
    std::vector<int> best_order;
    for (std::uint32_t i = 0; i < hosts[host].routes.size(); ++i) {
      const auto& route = hosts[host].routes[i];
      if (!takes_path(route.path, asked.path) || !takes_rest(route, asked)) continue;
      auto order = order_of(route);
      if (best != kNone && order <= best_order) continue;
      best = i;
      best_order = std::move(order);
    }
    return {host, best};
  }

 private:
  static std::string plain_name(std::string name) {
    if (name.starts_with("[")) return "::1";
    name = base::lowered(name.substr(0, name.find(':')));
    if (name.ends_with('.')) name.pop_back();
    return name;
  }

  static std::uint32_t host_of(const std::vector<VirtualHostSpec>& hosts, const std::string& name) {
    std::uint32_t found = kNone;
    std::size_t longest = 0;
    for (std::uint32_t i = 0; i < hosts.size(); ++i) {
      for (const auto& pattern : hosts[i].names) {
        bool is_exact = !name.empty() && pattern == name;
        bool is_wild = pattern.size() > 1 && pattern[0] == '*' &&
                       name.size() > pattern.size() - 1 && name.ends_with(pattern.substr(1));
        std::size_t weight = is_exact ? 1000 : is_wild ? pattern.size() : pattern == "*" ? 1 : 0;
        if (weight <= longest) continue;
        longest = weight;
        found = i;
      }
    }
    return found;
  }

  static Words cut(const std::string& path) {
    Words segments;
    for (std::size_t at = 0; at < path.size();) {
      auto end = std::min(path.find('/', at + 1), path.size());
      segments.push_back(path.substr(at + 1, end - at - 1));
      at = end;
    }
    return segments;
  }

  static bool takes_path(const PathSpec& spec, const std::string& path) {
    switch (spec.kind) {
      case PathKind::Any:
        return true;
      case PathKind::Exact:
        return path == spec.text;
      case PathKind::Prefix:
        if (spec.text == "/") return true;
        return path.starts_with(spec.text) &&
               (spec.text.ends_with('/') || path == spec.text || path[spec.text.size()] == '/');
      case PathKind::Regex:
        return std::ranges::find(regexes(), spec.text, &PlainRegex::text)->takes(path);
      case PathKind::Pattern:
        return takes_pattern(cut(spec.text), path);
    }
    return false;
  }

  static bool takes_pattern(const Words& wanted, const std::string& path) {
    if (wanted == Words{"**"}) return true;
    if (path == "*") return false;
    auto segments = cut(path);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] == "**") return true;
      if (i >= segments.size()) return false;
      if (wanted[i] == "*" ? segments[i].empty() : wanted[i] != segments[i]) return false;
    }
    return segments.size() == wanted.size();
  }

  static bool takes_rest(const RouteSpec& route, const Asked& asked) {
    if (!route.methods.empty() &&
        std::ranges::find(route.methods, asked.method) == route.methods.end())
      return false;
    if (!route.sources.empty() && !is_source(route.sources[0], asked.source)) return false;
    return takes_fields(route.headers, asked.headers) && takes_fields(route.query, asked.query) &&
           takes_fields(route.cookies, asked.cookies);
  }

  static bool is_source(const std::string& network, unsigned source) {
    if (network == "10.0.0.0/31") return source < 2;
    if (network == "10.0.0.2") return source == 2;
    return network == "10.0.0.0/8";
  }

  static bool takes_fields(const std::vector<FieldSpec>& wanted,
                           const std::vector<std::pair<std::string, std::string>>& given) {
    return std::ranges::all_of(wanted, [&](const FieldSpec& field) {
      bool has_one = std::ranges::any_of(given, [&](const auto& pair) {
        if (pair.first != field.name) return false;
        if (field.test == Test::Exact) return pair.second == field.text;
        if (field.test == Test::Prefix) return pair.second.starts_with(field.text);
        if (field.test == Test::Regex) return regexes().back().takes(pair.second);
        return true;
      });
      return has_one != (field.test == Test::Absent);
    });
  }

  // The documented order as numbers, the most important first; greater is better.
  static std::vector<int> order_of(const RouteSpec& route) {
    auto predicates =
        static_cast<int>(route.headers.size() + route.query.size() + route.cookies.size() +
                         (route.methods.empty() ? 0 : 1) + (route.sources.empty() ? 0 : 1));
    const auto& [kind, text] = route.path;
    bool is_all = kind == PathKind::Any || (kind == PathKind::Prefix && text == "/") ||
                  (kind == PathKind::Pattern && text == "/**");
    if (is_all) return {0, predicates};
    if (kind == PathKind::Regex) return {1, predicates};
    bool has_wildcard = kind == PathKind::Pattern && text.contains('*');
    if (kind != PathKind::Prefix && !has_wildcard) return {3, predicates};
    return order_of_segments(kind, cut(text), predicates);
  }

  static std::vector<int> order_of_segments(PathKind kind, Words segments, int predicates) {
    int less_behind = kind == PathKind::Prefix ? 0 : 2;
    if (kind == PathKind::Prefix && segments.back().empty()) {
      segments.pop_back();
      less_behind = 1;
    } else if (segments.back() == "**") {
      segments.pop_back();
      less_behind = 0;
    }
    std::vector<int> order = {2, static_cast<int>(segments.size()), 0};
    for (const auto& segment : segments) {
      bool is_literal = kind == PathKind::Prefix || segment != "*";
      order[2] += is_literal;
      order.push_back(is_literal);
    }
    order.push_back(less_behind);
    order.push_back(predicates);
    return order;
  }
};

// Runs one request through all three.
class Trial {
 public:
  Trial(const Router& router, const Asked& asked) : headers_(arena_) {
    for (const auto& [name, value] : asked.headers) headers_.add(name == "x" ? "X" : name, value);
    for (const auto& [name, value] : asked.cookies) headers_.add("Cookie", name + "=" + value);
    for (const auto& [name, value] : asked.query) {
      query_ += (query_.empty() ? "" : "&") + name + "=" + (value == "ab" ? "%61b" : value);
    }
    source_ = *Address::parse_ip("10.0.0." + std::to_string(asked.source), 1);
    Facts facts{.host = asked.host,
                .method = method_of(asked.method),
                .method_text = asked.method,
                .path = asked.path,
                .query = query_,
                .headers = &headers_,
                .source = &source_};
    matched = router.match(facts);
    explained = explain(router, facts);
  }

  Match matched;
  Explanation explained;

 private:
  Arena arena_;
  Headers headers_;
  std::string query_;
  Address source_;
};

// The candidates tell the same story: the first without a failure is the one that took it.
bool agrees(const Explanation& told) {
  for (const auto& candidate : told.candidates) {
    if (!candidate.failure) return candidate.route == told.match.route;
  }
  return !told.match;
}

}  // namespace

TEST_SUITE_BEGIN("route");

TEST_CASE("match, explain and a naive matcher agree on a million random requests") {
  std::size_t wrong = 0;
  std::size_t hits = 0;
  std::size_t reached_of_hidden = 0;
  for (std::uint64_t seed = 0; seed < kRouters; ++seed) {
    World world(seed);
    auto hosts = world.hosts();
    auto compiled = Router::compile(hosts);
    REQUIRE(compiled.router);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> hidden;
    for (const auto& finding : compiled.findings)
      hidden.emplace_back(finding.at.host, finding.at.route);
    for (int i = 0; i < kRequests; ++i) {
      auto asked = world.request();
      Trial trial(*compiled.router, asked);
      std::pair reached(trial.matched.host, trial.matched.route);
      bool is_right = reached == Reference::match(hosts, asked) &&
                      trial.explained.match == trial.matched && agrees(trial.explained);
      if (!is_right && ++wrong < 5) {
        MESSAGE("seed " << seed << ", request " << i << ": " << asked.host << " " << asked.path);
      }
      hits += static_cast<bool>(trial.matched);
      reached_of_hidden += std::ranges::find(hidden, reached) != hidden.end();
    }
  }
  CHECK(wrong == 0);
  // A route that was found to be unreachable is never reached.
  CHECK(reached_of_hidden == 0);
  // The test is worth something only while hits and misses are both common.
  CHECK(hits > kRouters * kRequests / 5);
  CHECK(hits < kRouters * kRequests * 4 / 5);
}

TEST_SUITE_END();
