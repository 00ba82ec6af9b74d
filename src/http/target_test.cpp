#include "http/target.h"

#include <doctest/doctest.h>

#include <string>

using namespace cirque;
using namespace std::string_view_literals;

namespace {

std::string read(std::string_view raw, Method method = Method::Get) {
  Arena arena;
  auto target = http::read_target(method, raw, arena);
  if (target) return std::string(target->path_and_query);
  CHECK(target.error().reason == "bad_target");
  CHECK(target.error().status == 400);
  CHECK(target.error().side == Side::Client);
  return "refused";
}

struct Row {
  std::string_view raw;
  std::string_view path;
};

}  // namespace

TEST_SUITE_BEGIN("http");

TEST_CASE("a canonical target is not copied") {
  Arena arena;
  for (auto raw : {"/"sv, "/a/b.html"sv, "/a/b/?x=//../%zz"sv, "/a:b@c;d=e,f!$&'()*+~_-"sv}) {
    auto target = http::read_target(Method::Get, raw, arena);
    REQUIRE(target);
    CHECK(target->path_and_query.data() == raw.data());
    CHECK(target->path_and_query == raw);
    CHECK(target->authority.empty());
  }
}

TEST_CASE("a path has one canonical form") {
  constexpr Row kRows[] = {
      {"/a/./b", "/a/b"},
      {"/a/../b", "/b"},
      {"/a/b/..", "/a/"},
      {"/a/b/.", "/a/b/"},
      {"/a/b/../", "/a/"},
      {"/a/..", "/"},
      {"/.", "/"},
      {"/./", "/"},
      {"//", "/"},
      {"//a", "/a"},
      {"/a//b", "/a/b"},
      {"/a///b//", "/a/b/"},
      {"/a//../b", "/b"},
      {"/.well-known/x", "/.well-known/x"},
      {"/...", "/..."},
      {"/..a", "/..a"},
      {"/a..", "/a.."},
      {"/a.b/c.", "/a.b/c."},
      {"/%61%42%39%2d%5f%7e", "/aB9-_~"},
      {"/%2e/a", "/a"},
      {"/a/%2e%2e/b", "/b"},
      {"/a/%2E./b", "/b"},
      {"/a/.%2e/b", "/b"},
      {"/%c3%a4", "/%C3%A4"},
      {"/%20%3f%23%25", "/%20%3F%23%25"},
      {"/%252e%252e/", "/%252e%252e/"},  // decoded once, never twice
      {"/a%3b/b", "/a%3B/b"},
      {"/a|b^c{d}`\"<>", "/a|b^c{d}`\"<>"},
  };
  for (auto row : kRows) {
    CAPTURE(row.raw);
    CHECK(read(row.raw) == row.path);
    CHECK(read(row.path) == row.path);  // and it stays as it is
  }
}

TEST_CASE("a query is kept byte for byte") {
  constexpr Row kRows[] = {
      {"/?", "/?"},
      {"/?a=../..//%2e%2f%5c%00%zz", "/?a=../..//%2e%2f%5c%00%zz"},
      {"/a/../?b=/../c", "/?b=/../c"},
      {"/?re=\\d+|{}^\"<>`", "/?re=\\d+|{}^\"<>`"},  // browsers send these
      {"//?//", "/?//"},
      {"/??", "/??"},
  };
  for (auto row : kRows) {
    CAPTURE(row.raw);
    CHECK(read(row.raw) == row.path);
  }
}

TEST_CASE("what two servers could understand differently is refused") {
  for (auto raw : {
           ""sv,       "a"sv,          "a/b"sv,       "?a"sv,          ".."sv,     "/.."sv,
           "/../x"sv,  "/a/../../x"sv, "/%2e%2e/x"sv, "/a//../../b"sv, "/a%00b"sv, "/%"sv,
           "/%4"sv,    "/%4g"sv,       "/%g4"sv,      "/%%34"sv,       "/a%2fb"sv, "/a%2Fb"sv,
           "/a%5cb"sv, "/a%5Cb"sv,     "/a\\b"sv,     "/\\..\\x"sv,    "/a#b"sv,   "/a?b#c"sv,
           "/a b"sv,   "/a?b c"sv,     "/a\tb"sv,     "/a\rb"sv,       "/a\nb"sv,  "/a\0b"sv,
           "/a?\0"sv,  "/a\x7f"sv,     "/\xc3\xa4"sv, "/?\xc3\xa4"sv,
       }) {
    CAPTURE(raw);
    CHECK(read(raw) == "refused");
  }
}

TEST_CASE("the absolute form gives its authority and becomes origin form") {
  struct Absolute {
    std::string_view raw;
    std::string_view authority;
    std::string_view path;
  };

  constexpr Absolute kRows[] = {
      {"http://example.com/a/../b?c", "example.com", "/b?c"},
      {"HTTP://Example.com:8080/", "Example.com:8080", "/"},
      {"https://[::1]:8443/x", "[::1]:8443", "/x"},
      {"http://example.com", "example.com", "/"},
      {"http://example.com?a=b", "example.com", "/?a=b"},
      {"http://10.0.0.1//x", "10.0.0.1", "/x"},
  };
  Arena arena;
  for (auto row : kRows) {
    CAPTURE(row.raw);
    auto target = http::read_target(Method::Get, row.raw, arena);
    REQUIRE(target);
    CHECK(target->authority == row.authority);
    CHECK(target->path_and_query == row.path);
  }
}

TEST_CASE("an absolute form that could mean two things is refused") {
  for (auto raw : {"http://"sv,
                   "http:///a"sv,
                   "http://?a"sv,
                   "http:/example.com/"sv,
                   "http:example.com"sv,
                   "http:\\\\example.com/"sv,
                   "http:/\\example.com/"sv,
                   "http://a\\b/"sv,
                   "http://user@example.com/"sv,
                   "http://user:secret@example.com/"sv,
                   "http://a:1:2/"sv,
                   "http://a:/"sv,
                   "http://a:65536/"sv,
                   "http://a,b/"sv,
                   "http://a#b"sv,
                   "http://a/#b"sv,
                   "http://a/../b"sv,
                   "ftp://example.com/"sv,
                   "ws://example.com/"sv,
                   "://example.com/"sv,
                   "httpx://example.com/"sv,
                   "example.com:80"sv,
                   "http://[::1/"sv,
                   "http://%61/"sv,
                   "http://a b/"sv}) {
    CAPTURE(raw);
    CHECK(read(raw) == "refused");
  }
}

TEST_CASE("the asterisk is for OPTIONS alone") {
  CHECK(read("*", Method::Options) == "*");
  CHECK(read("*", Method::Get) == "refused");
  CHECK(read("**", Method::Options) == "refused");
  CHECK(read("http://example.com", Method::Options) == "*");  // RFC 9112 3.2.4
  CHECK(read("http://example.com/", Method::Options) == "/");
  CHECK(read("http://example.com?a", Method::Options) == "/?a");
}

TEST_CASE("a method is a token of at most 32 bytes without small letters") {
  for (auto text : {"GET"sv, "M-SEARCH"sv, "X1!#$%&'*+-.^_`|~"sv, "TRACE"sv}) {
    CAPTURE(text);
    CHECK(http::is_method(text));
  }
  for (auto text : {""sv, "get"sv, "GEt"sv, "G T"sv, "G/T"sv, "G\0"sv, "\xc3\x84"sv}) {
    CAPTURE(text);
    CHECK_FALSE(http::is_method(text));
  }
  CHECK(http::is_method(std::string(32, 'A')));
  CHECK_FALSE(http::is_method(std::string(33, 'A')));
}

TEST_CASE("an authority is a host and perhaps a port") {
  for (auto text : {"example.com"sv, "EXAMPLE.com:80"sv, "a"sv, "a.b.c."sv, "127.0.0.1"sv,
                    "127.0.0.1:65535"sv, "[::1]"sv, "[2001:db8::1]:443"sv, "my_host-1:0"sv,
                    "xn--bcher-kva.example"sv, "[::ffff:1.2.3.4]:1"sv}) {
    CAPTURE(text);
    CHECK(http::is_authority(text));
  }
  for (auto text : {""sv,           " "sv,          ":80"sv,
                    "a:"sv,         "a:b"sv,        "a:+80"sv,
                    "a: 80"sv,      "a:65536"sv,    "a:000080"sv,
                    "a:1:2"sv,      "a b"sv,        "a,b"sv,
                    "a/b"sv,        "a\\b"sv,       "a?b"sv,
                    "a#b"sv,        "user@a"sv,     "user:pw@a"sv,
                    "a%2eb"sv,      "a\0"sv,        "\xc3\xa4.example"sv,
                    "[]"sv,         "[::1"sv,       "::1"sv,
                    "[::1]80"sv,    "[::1]x80"sv,   "[::1]:"sv,
                    "[::1]:x"sv,    "[1.2.3.4]"sv,  "[::1%25eth0]"sv,
                    "[::1%eth0]"sv, "[fe80::1]]"sv, "[g::1]"sv,
                    "a\r\nb"sv,     "\""sv,         "<a>"sv}) {
    CAPTURE(text);
    CHECK_FALSE(http::is_authority(text));
  }
  CHECK(http::is_authority(std::string(253, 'a') + ":65535"));
  CHECK_FALSE(http::is_authority(std::string(261, 'a')));
}

TEST_SUITE_END();
