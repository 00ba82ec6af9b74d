#include "route/explain.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "route/nearness.h"

using namespace cirque;
using namespace cirque::route;

namespace {

using Routes = std::vector<RouteSpec>;

RouteSpec prefix(std::string path) {
  return {.path = {PathKind::Prefix, std::move(path)}};
}

RouteSpec exact(std::string path) {
  return {.path = {PathKind::Exact, std::move(path)}};
}

std::unique_ptr<const Router> router_of(Routes routes) {
  std::vector<VirtualHostSpec> hosts{{{"*"}, std::move(routes)}};
  auto compiled = Router::compile(hosts);
  REQUIRE(compiled.router);
  return std::move(compiled.router);
}

// "1 Header wanted|found" for each candidate.
std::vector<std::string> lines_of(const Explanation& told) {
  constexpr const char* kParts[] = {"name",   "path",  "method", "source",
                                    "header", "query", "cookie", "whole"};
  std::vector<std::string> lines;
  for (const Candidate& candidate : told.candidates) {
    std::string line = std::to_string(candidate.route);
    if (const auto& failure = candidate.failure) {
      line += std::string(" ") + kParts[static_cast<int>(failure->part)] + " " + failure->wanted +
              " | " + failure->found;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_SUITE_BEGIN("route");

TEST_CASE("an explanation names every candidate with the first condition that fails") {
  Routes routes{prefix("/"), prefix("/api"), prefix("/api"), exact("/api/x"), exact("/other")};
  routes[1].headers = {{"X-Env", Test::Exact, "prod"}};
  routes[2].methods = {"POST", "PUT"};
  routes[2].headers = {{"X-Env", Test::Exact, "prod"}};
  routes[3].query = {{"debug", Test::Present, ""}};
  auto router = router_of(routes);
  Arena arena;
  Headers headers(arena);
  headers.add("x-env", "dev");
  headers.add("X-Env", "test");
  auto told = explain(*router, {.host = "A.example:80", .path = "/api/x", .headers = &headers});
  CHECK(told.match.route == 0);
  CHECK(told.host_name == "a.example");
  CHECK(told.host_by == HostTable::By::Default);
  CHECK(lines_of(told) == Lines{"3 query debug is there | nothing",
                                "2 method one of POST PUT | GET",
                                "1 header x-env is \"prod\" | \"dev\", \"test\"", "0",
                                "4 path path /other | /api/x"});
  CHECK_FALSE(told.nearest);
}

TEST_CASE("routes that would take a request, had no better one done so, are shown") {
  auto told = explain(*router_of({prefix("/"), prefix("/a"), exact("/a/b")}), {.path = "/a/b"});
  CHECK(told.match.route == 2);
  CHECK(lines_of(told) == Lines{"2", "1", "0"});
}

TEST_CASE("every kind of condition is told in words") {
  auto told_of = [](RouteSpec spec, const Facts& facts) {
    return lines_of(explain(*router_of({std::move(spec)}), facts)).at(0);
  };
  auto source = *Address::parse_ip("192.0.2.1", 1);
  Arena arena;
  Headers headers(arena);
  headers.add("Cookie", "a=1; b=2");
  headers.add("X-A", "v");
  Facts facts{.query = "q=%20x", .headers = &headers, .source = &source};
  CHECK(told_of({.sources = {"10.0.0.0/8", "::1"}}, facts) ==
        "0 source one of 10.0.0.0/8 ::1 | 192.0.2.1");
  CHECK(told_of({.sources = {"::1"}}, {}) == "0 source ::1 | no address");
  CHECK(told_of({.methods = {"PUT"}}, facts) == "0 method PUT | GET");
  CHECK(told_of({.cookies = {{"a", Test::Regex, "[2-9]"}}}, facts) ==
        "0 cookie a matches \"[2-9]\" | \"1\"");
  CHECK(told_of({.cookies = {{"c", Test::Present, ""}}}, facts) == "0 cookie c is there | nothing");
  CHECK(told_of({.headers = {{"X-A", Test::Absent, ""}}}, facts) ==
        "0 header x-a is absent | \"v\"");
  CHECK(told_of({.query = {{"q", Test::Prefix, "x"}}}, facts) ==
        "0 query q begins with \"x\" | \"%20x\"");
  CHECK(told_of({.path = {PathKind::Regex, "/x+"}}, facts) == "0 path regex /x+ | /");
  CHECK(told_of({.path = {PathKind::Pattern, "/u/{id}/**"}}, facts) ==
        "0 path pattern /u/{id}/** | /");
}

TEST_CASE("what was there is cut, however long it is") {
  Routes routes{prefix("/")};
  routes[0].headers = {{"X-A", Test::Exact, "b"}};
  Arena arena;
  Headers headers(arena);
  for (int i = 0; i < 10; ++i) headers.add("X-A", std::string(10'000, 'a'));
  auto told = explain(*router_of(routes), {.headers = &headers});
  CHECK(told.candidates.at(0).failure->found.size() == Failure::kFoundBytesMax);
}

TEST_CASE("of thousands of routes the first are told, and how many are not") {
  Routes routes;
  for (int i = 0; i < 5000; ++i) routes.push_back(exact("/page-" + std::to_string(i)));
  auto told = explain(*router_of(routes), {.path = "/page-77"});
  CHECK(told.match.route == 77);
  CHECK(told.candidates.front().route == 77);
  CHECK(told.candidates.size() == Explanation::kCandidatesMax);
  CHECK(told.left_out == 5000 - Explanation::kCandidatesMax);
}

TEST_CASE("the nearest miss is the route whose path fits and of which the least fails") {
  Routes routes{prefix("/a"), prefix("/a"), prefix("/b")};
  routes[0].methods = {"PUT"};
  routes[0].query = {{"x", Test::Present, ""}};
  routes[1].headers = {{"X-A", Test::Present, ""}};
  auto told = explain(*router_of(routes), {.path = "/a/b"});
  REQUIRE(told.nearest);
  CHECK(told.nearest->route == 1);
  CHECK(told.nearest->failures == 1);
  CHECK(told.nearest->first.wanted == "x-a is there");
  CHECK(told.nearest->slip == Slip::None);
}

TEST_CASE("slips in a path are recognised") {
  auto router = router_of({exact("/login"),
                           exact("/users/"),
                           {.path = {PathKind::Pattern, "/items/{id}"}},
                           prefix("/static/css")});
  auto nearest = [&](std::string_view path) { return explain(*router, {.path = path}).nearest; };
  auto check = [&](std::string_view path, std::uint32_t route, Slip slip) {
    CAPTURE(path);
    auto near = nearest(path);
    REQUIRE(near);
    CHECK(near->route == route);
    CHECK(near->slip == slip);
    CHECK(near->first.part == Part::Path);
  };
  check("/login/", 0, Slip::FinalSlash);
  check("/users", 1, Slip::FinalSlash);
  check("/items/7/", 2, Slip::FinalSlash);
  check("/Login", 0, Slip::LetterCase);
  check("/Static/CSS/x.css", 3, Slip::LetterCase);
  check("/lgoin", 0, Slip::Spelling);
  check("/itms/7", 2, Slip::Spelling);
  CHECK_FALSE(nearest("/nothing/like/it"));
  CHECK_FALSE(nearest("*"));
}

TEST_CASE("a name that no host has is told with the nearest that there is") {
  std::vector<VirtualHostSpec> hosts{{{"www.example.com"}, {}}, {{"*.example.org"}, {}}};
  auto compiled = Router::compile(hosts);
  auto told = explain(*compiled.router, {.host = "ww.example.com:80"});
  CHECK(told.match.host == kNone);
  CHECK(told.host_by == HostTable::By::Nothing);
  REQUIRE(told.nearest_name);
  CHECK(told.nearest_name->name == "www.example.com");
  CHECK(told.nearest_name->host == 0);
  CHECK(explain(*compiled.router, {.host = "example.org"}).nearest_name->name == "*.example.org");
  CHECK_FALSE(explain(*compiled.router, {.host = "elsewhere.net"}).nearest_name);
  CHECK_FALSE(explain(*compiled.router, {}).nearest_name);
}

TEST_CASE("distances count slips, and what is too far is none") {
  CHECK(word_distance("abc", "ABC") == 0);
  CHECK(word_distance("abcdef", "abcdfe") == 1);
  CHECK_FALSE(word_distance("abc", "xyz"));
  CHECK_FALSE(word_distance(std::string(500, 'a'), std::string(499, 'a')));
  CHECK(path_distance(PathKind::Pattern, "/a/{id}/edit", "/a/77/edti") == 1);
  CHECK(path_distance(PathKind::Prefix, "/static", "/statics/deep/below") == 1);
  CHECK_FALSE(path_distance(PathKind::Regex, "/a", "/b"));
}

TEST_SUITE_END();
