#include "route/router.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace cirque;
using namespace cirque::route;

namespace {

using Hosts = std::vector<VirtualHostSpec>;
using Routes = std::vector<RouteSpec>;

RouteSpec exact(std::string path) {
  return {.path = {PathKind::Exact, std::move(path)}};
}

RouteSpec prefix(std::string path) {
  return {.path = {PathKind::Prefix, std::move(path)}};
}

RouteSpec pattern(std::string path) {
  return {.path = {PathKind::Pattern, std::move(path)}};
}

RouteSpec regex(std::string path) {
  return {.path = {PathKind::Regex, std::move(path)}};
}

FieldSpec is(std::string name, std::string value) {
  return {std::move(name), Test::Exact, std::move(value)};
}

// One host for every name; targets are ten times the place.
std::unique_ptr<const Router> router_of(Routes routes) {
  for (std::uint32_t i = 0; i < routes.size(); ++i) routes[i].target = i * 10;
  Hosts hosts{{{"*"}, std::move(routes)}};
  auto compiled = Router::compile(hosts);
  for (const Finding& finding : compiled.findings) CHECK(is_harmless(finding.kind));
  REQUIRE(compiled.router);
  return std::move(compiled.router);
}

std::uint32_t route_of(const Router& router, std::string_view path) {
  auto match = router.match({.path = path});
  if (match) CHECK(match.target == match.route * 10);
  return match.route;
}

// A request with fields, written as a test reads it.
class Asking {
 public:
  explicit Asking(std::string_view path = "/") { facts_.path = path; }

  Asking& method(std::string_view text) {
    facts_.method = method_of(text);
    facts_.method_text = text;
    return *this;
  }

  Asking& header(std::string_view name, std::string_view value) {
    headers_.add(name, value);
    facts_.headers = &headers_;
    return *this;
  }

  Asking& query(std::string_view query) {
    facts_.query = query;
    return *this;
  }

  Asking& from(std::string_view ip) {
    source_ = *Address::parse_ip(ip, 1234);
    facts_.source = &source_;
    return *this;
  }

  const Facts& facts() const { return facts_; }

  bool is_taken_by(const Router& router) const { return static_cast<bool>(router.match(facts_)); }

 private:
  Arena arena_;
  Headers headers_{arena_};
  Address source_;
  Facts facts_;
};

}  // namespace

TEST_SUITE_BEGIN("route");

TEST_CASE("a router of nothing matches nothing") {
  auto compiled = Router::compile({});
  REQUIRE(compiled.router);
  CHECK_FALSE(compiled.router->match({.host = "a"}));
  CHECK(compiled.router->match({}).host == kNone);
}

TEST_CASE("host and route are told apart in a miss") {
  Hosts hosts{{{"a.example"}, {exact("/x")}}, {{"b.example"}, {}}};
  auto compiled = Router::compile(hosts);
  auto& router = *compiled.router;
  CHECK(router.match({.host = "c.example"}).host == kNone);
  CHECK(router.match({.host = "b.example", .path = "/x"}).host == 1);
  CHECK_FALSE(router.match({.host = "b.example", .path = "/x"}));
  auto hit = router.match({.host = "A.example:80", .path = "/x"});
  CHECK(hit.host == 0);
  CHECK(hit.route == 0);
}

TEST_CASE("ordinals count all routes, host after host") {
  Hosts hosts{
      {{"a"}, {exact("/1"), exact("/2")}}, {{"b"}, {}}, {{"c"}, {prefix("/"), exact("/x")}}};
  auto compiled = Router::compile(hosts);
  CHECK(compiled.router->match({.host = "a", .path = "/1"}).ordinal == 0);
  CHECK(compiled.router->match({.host = "a", .path = "/2"}).ordinal == 1);
  CHECK(compiled.router->match({.host = "c", .path = "/"}).ordinal == 2);
  CHECK(compiled.router->match({.host = "c", .path = "/x"}).ordinal == 3);
}

TEST_CASE("a miss in a host does not go on to a wildcard or to the default") {
  Hosts hosts{
      {{"a.example"}, {exact("/only")}}, {{"*.example"}, {prefix("/")}}, {{"*"}, {prefix("/")}}};
  auto compiled = Router::compile(hosts);
  auto miss = compiled.router->match({.host = "a.example", .path = "/other"});
  CHECK_FALSE(miss);
  CHECK(miss.host == 0);
}

TEST_CASE("prefixes end at a slash or at the end, never inside a segment") {
  auto router = router_of({prefix("/api"), prefix("/static/")});
  for (auto path : {"/api", "/api/", "/api/x", "/api/x/y"}) CHECK(route_of(*router, path) == 0);
  for (auto path : {"/static/", "/static/x"}) CHECK(route_of(*router, path) == 1);
  for (auto path : {"/apix", "/ap", "/", "/static", "/staticx", "/x/api", "*", "/API"}) {
    CHECK(route_of(*router, path) == kNone);
  }
}

TEST_CASE("wildcards take one segment that is not empty, and ** takes the rest") {
  auto router = router_of({pattern("/u/{id}"), pattern("/u/{id}/p/*"), pattern("/f/**")});
  CHECK(route_of(*router, "/u/7") == 0);
  CHECK(route_of(*router, "/u/7/p/8") == 1);
  for (auto path : {"/f", "/f/", "/f/a", "/f/a/b"}) CHECK(route_of(*router, path) == 2);
  for (auto path : {"/u", "/u/", "/u/7/", "/u/7/p", "/u/7/p/", "/u/7/q/8", "/ff"}) {
    CHECK(route_of(*router, path) == kNone);
  }
}

TEST_CASE("a regex takes the whole path") {
  auto router = router_of({regex("/v[0-9]+/.*"), regex("/img/[^/]+\\.(png|jpg)")});
  CHECK(route_of(*router, "/v12/x") == 0);
  CHECK(route_of(*router, "/img/a.png") == 1);
  for (auto path : {"/v/x", "/v1", "/xv1/y", "/img/a/b.png", "/img/a.png/"}) {
    CHECK(route_of(*router, path) == kNone);
  }
}

TEST_CASE("a regex that would backtrack for ages elsewhere takes no time") {
  auto router = router_of({regex("/(a+)+(b|c|d)*x")});
  CHECK(route_of(*router, "/" + std::string(8000, 'a') + "y") == kNone);
  CHECK(route_of(*router, "/" + std::string(8000, 'a') + "x") == 0);
}

TEST_CASE("the most specific route wins, wherever it stands") {
  Routes routes{prefix("/"),       regex("/a/.*"),    prefix("/a"),
                pattern("/a/{x}"), pattern("/{x}/b"), pattern("/a/{x}/c"),
                prefix("/a/b"),    exact("/a/b"),     pattern("/a/b/**")};
  std::vector<std::string_view> paths = {"/a/b",   "/a/x",   "/z/b", "/a/x/c",
                                         "/a/b/c", "/a/b/d", "/a",   "/q"};
  auto expect = [&](const Routes& ordered, auto place_of) {
    auto router = router_of(ordered);
    std::vector<std::uint32_t> wanted = {7, 3, 4, 5, 5, 6, 2, 0};
    for (std::size_t i = 0; i < paths.size(); ++i) {
      CAPTURE(paths[i]);
      CHECK(route_of(*router, paths[i]) == place_of(wanted[i]));
    }
  };
  expect(routes, [](std::uint32_t place) { return place; });
  routes.pop_back();
  Routes reversed(routes.rbegin(), routes.rend());
  expect(reversed, [&](std::uint32_t place) {
    return static_cast<std::uint32_t>(routes.size()) - 1 - place;
  });
}

TEST_CASE("of equal paths the one with more predicates wins, then the first") {
  Routes routes{prefix("/a"), prefix("/a"), prefix("/a")};
  routes[1].methods = {"GET"};
  routes[2].methods = {"GET", "POST"};
  auto router = router_of(routes);
  CHECK(Asking("/a").method("GET").is_taken_by(*router));
  CHECK(router->match(Asking("/a").method("GET").facts()).route == 1);
  CHECK(router->match(Asking("/a").method("POST").facts()).route == 2);
  CHECK(router->match(Asking("/a").method("PUT").facts()).route == 0);
}

TEST_CASE("a better path whose predicates fail gives way to the next best") {
  Routes routes{exact("/a/b"), prefix("/a"), prefix("/")};
  routes[0].methods = {"POST"};
  routes[1].headers = {is("X-Beta", "1")};
  auto router = router_of(routes);
  CHECK(router->match(Asking("/a/b").method("POST").facts()).route == 0);
  CHECK(router->match(Asking("/a/b").header("x-beta", "1").facts()).route == 1);
  CHECK(router->match(Asking("/a/b").facts()).route == 2);
}

TEST_CASE("methods are compared as they are written, known or not") {
  Routes routes{prefix("/")};
  routes[0].methods = {"GET", "PURGE", "LINK"};
  auto router = router_of(routes);
  for (auto method : {"GET", "PURGE", "LINK"}) CHECK(Asking().method(method).is_taken_by(*router));
  for (auto method : {"HEAD", "get", "PURG", "PURGEX", "UNLINK"}) {
    CHECK_FALSE(Asking().method(method).is_taken_by(*router));
  }
}

TEST_CASE("header predicates look at every line of that name") {
  auto takes = [](Test test, std::string text, const Asking& asking) {
    Routes routes{prefix("/")};
    routes[0].headers = {{"X-Env", test, std::move(text)}};
    return asking.is_taken_by(*router_of(routes));
  };
  Asking none;
  Asking other;
  other.header("X-Other", "prod");
  Asking one;
  one.header("x-ENV", "prod");
  Asking two;
  two.header("X-Env", "dev").header("X-Env", "prod");
  CHECK(takes(Test::Present, "", one));
  CHECK_FALSE(takes(Test::Present, "", none));
  CHECK_FALSE(takes(Test::Present, "", other));
  CHECK(takes(Test::Absent, "", none));
  CHECK(takes(Test::Absent, "", other));
  CHECK_FALSE(takes(Test::Absent, "", two));
  CHECK(takes(Test::Exact, "prod", one));
  CHECK(takes(Test::Exact, "prod", two));
  CHECK_FALSE(takes(Test::Exact, "PROD", one));
  CHECK(takes(Test::Prefix, "pr", one));
  CHECK_FALSE(takes(Test::Prefix, "rod", one));
  CHECK(takes(Test::Regex, "pr?od|x", two));
  CHECK_FALSE(takes(Test::Regex, "ro", one));
}

TEST_CASE("known fields are looked up too, and dropped ones are not there") {
  Routes routes{prefix("/")};
  routes[0].headers = {{"user-agent", Test::Prefix, "curl/"}};
  auto router = router_of(routes);
  CHECK(Asking().header("User-Agent", "curl/8").is_taken_by(*router));
  Arena arena;
  Headers headers(arena);
  headers.add("User-Agent", "curl/8");
  headers.drop("User-Agent");
  CHECK_FALSE(router->match({.headers = &headers}));
}

TEST_CASE("query parameters are compared decoded") {
  auto takes = [](FieldSpec field, std::string_view query) {
    Routes routes{prefix("/")};
    routes[0].query = {std::move(field)};
    return Asking().query(query).is_taken_by(*router_of(routes));
  };
  for (auto query : {"q=a%20b", "q=a+b", "x=1&q=a+b", "%71=%61%20%62", "q=x&q=a+b", "&&q=a+b&"}) {
    CHECK(takes(is("q", "a b"), query));
  }
  for (auto query : {"", "q", "q=a%2Bb", "q=a b c", "Q=a+b", "qq=a+b", "q=a+"}) {
    CHECK_FALSE(takes(is("q", "a b"), query));
  }
  CHECK(takes({"q", Test::Present, ""}, "q"));
  CHECK(takes({"q", Test::Present, ""}, "q="));
  CHECK(takes({"q", Test::Absent, ""}, "qq=1"));
  CHECK(takes({"q", Test::Prefix, "a "}, "q=a%20zzz"));
  CHECK(takes({"q", Test::Regex, "[0-9]+ %"}, "q=12+%25"));
  CHECK(takes(is("q", "50%"), "q=50%"));
  CHECK(takes(is("q", "%zz"), "q=%zz"));
  CHECK(takes({"q", Test::Regex, ".*"}, "q=%0A%FF"));
  CHECK_FALSE(takes({"q", Test::Regex, ".*"}, "q=" + std::string(9000, 'x')));
}

TEST_CASE("cookies are found in every Cookie line") {
  auto takes = [](FieldSpec field, const Asking& asking) {
    Routes routes{prefix("/")};
    routes[0].cookies = {std::move(field)};
    return asking.is_taken_by(*router_of(routes));
  };
  Asking asking;
  asking.header("Cookie", "a=1; beta=yes;c=\"q\"").header("Cookie", "d=x=y; e");
  CHECK(takes(is("beta", "yes"), asking));
  CHECK(takes(is("c", "\"q\""), asking));
  CHECK(takes(is("d", "x=y"), asking));
  CHECK(takes({"beta", Test::Prefix, "y"}, asking));
  CHECK(takes({"e", Test::Absent, ""}, asking));
  CHECK_FALSE(takes(is("Beta", "yes"), asking));
  CHECK_FALSE(takes(is("eta", "yes"), asking));
  CHECK(takes({"beta", Test::Absent, ""}, Asking()));
}

TEST_CASE("sources are networks of their own family") {
  Routes routes{prefix("/")};
  routes[0].sources = {"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "10.1.0.0/16"};
  auto router = router_of(routes);
  for (auto ip : {"10.0.0.0", "10.255.255.255", "10.1.2.3", "192.0.2.7", "2001:db8::1"}) {
    CHECK(Asking().from(ip).is_taken_by(*router));
  }
  for (auto ip : {"9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "2001:db9::", "::1"}) {
    CHECK_FALSE(Asking().from(ip).is_taken_by(*router));
  }
  CHECK_FALSE(Asking().is_taken_by(*router));
  routes[0].sources = {"::/0"};
  CHECK_FALSE(Asking().from("10.0.0.1").is_taken_by(*router_of(routes)));
  CHECK(Asking().from("fe80::1").is_taken_by(*router_of(routes)));
  routes[0].sources = {"0.0.0.0/0"};
  CHECK(Asking().from("255.255.255.255").is_taken_by(*router_of(routes)));
}

TEST_CASE("parameters of the matched pattern can be asked for") {
  auto router = router_of({pattern("/users/{id}/files/**"), prefix("/")});
  std::string seen;
  auto collect = [&](std::string_view name, std::string_view value) {
    seen.append(name).append("=").append(value).append(";");
  };
  auto match = router->match({.path = "/users/7/files/a/b"});
  router->for_each_parameter(match, "/users/7/files/a/b", collect);
  CHECK(seen == "id=7;**=a/b;");
  seen.clear();
  router->for_each_parameter(router->match({.path = "/x"}), "/x", collect);
  CHECK(seen == "");
}

TEST_CASE("Upgrade is asked of what the request wants to switch to") {
  Arena arena;
  Request request(arena);
  auto source = *Address::parse_ip("192.0.2.1", 1);
  auto takes = [&](Test test, std::string text) {
    RouteSpec spec;
    spec.headers = {{"upgrade", test, std::move(text)}};
    auto router = router_of({spec});
    return bool(router->match(Facts::of(request, source)));
  };
  CHECK_FALSE(takes(Test::Present, ""));
  CHECK(takes(Test::Absent, ""));
  request.upgrade = "websocket";
  CHECK(takes(Test::Present, ""));
  CHECK_FALSE(takes(Test::Absent, ""));
  CHECK(takes(Test::Exact, "websocket"));
  CHECK_FALSE(takes(Test::Exact, "h2c"));
  CHECK(takes(Test::Prefix, "web"));
  CHECK(takes(Test::Regex, "(?i)WebSocket"));
}

TEST_CASE("the facts of a request are its own parts") {
  Arena arena;
  Request request(arena);
  request.authority = "example.com:80";
  request.target = "/a?b=c";
  auto source = *Address::parse_ip("192.0.2.1", 1);
  auto facts = Facts::of(request, source);
  CHECK(facts.host == "example.com:80");
  CHECK(facts.path == "/a");
  CHECK(facts.query == "b=c");
  CHECK(facts.headers == &request.headers);
  CHECK(facts.source == &source);
}

TEST_SUITE_END();
