#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cirque/http.h"

using namespace cirque;
using namespace std::string_view_literals;

namespace {

std::vector<std::string> lines(const Headers& headers) {
  std::vector<std::string> all;
  for (const Field& field : headers) {
    all.push_back(std::string(field.name) + ": " + std::string(field.value));
  }
  return all;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_SUITE_BEGIN("http");

TEST_CASE("fields keep their order and their duplicates") {
  Arena arena;
  Headers headers(arena);
  CHECK(headers.add("X-B", "1"));
  CHECK(headers.add(Name::Accept, "2"));
  CHECK(headers.add("x-b", "3"));
  CHECK(lines(headers) == Lines{"X-B: 1", "Accept: 2", "x-b: 3"});
  CHECK(headers.size() == 3);
}

TEST_CASE("a field is found by its name in any case, known or unknown") {
  Arena arena;
  Headers headers(arena);
  headers.add("content-TYPE", "text/plain");
  headers.add("X-Mine", "yes");
  CHECK(headers.get(Name::ContentType) == "text/plain");
  CHECK(headers.get("CONTENT-type") == "text/plain");
  CHECK(headers.get("x-mine") == "yes");
  CHECK(headers.has("X-MINE"));
  CHECK_FALSE(headers.has("X-Min"));
  CHECK_FALSE(headers.has(Name::Host));
  CHECK(headers.find(Name::Host) == nullptr);
  CHECK(headers.get(Name::Host).empty());
  CHECK(headers.get("").empty());
}

TEST_CASE("the first of several lines is the one that is found, all of them are counted") {
  Arena arena;
  Headers headers(arena);
  headers.add(Name::Cookie, "a=1");
  headers.add("COOKIE", "b=2");
  CHECK(headers.get(Name::Cookie) == "a=1");
  CHECK(headers.count(Name::Cookie) == 2);
  CHECK(headers.count(Name::Host) == 0);
}

TEST_CASE("set replaces every line of the name") {
  Arena arena;
  Headers headers(arena);
  headers.add("X-A", "1");
  headers.add("x-a", "2");
  headers.add(Name::Server, "old");
  CHECK(headers.set("X-A", "3"));
  CHECK(headers.set(Name::Server, "new"));
  CHECK(lines(headers) == Lines{"X-A: 3", "Server: new"});
  CHECK(headers.set("X-A", headers.get("X-A")));  // its own value is not pulled from under it
  CHECK(headers.get("X-A") == "3");
}

TEST_CASE("a dropped field is gone from everywhere and may come back") {
  Arena arena;
  Headers headers(arena);
  headers.add(Name::Via, "1.1 a");
  headers.add("X-Other", "o");
  headers.add("via", "1.1 b");
  headers.drop(Name::Via);
  headers.drop("x-OTHER");
  headers.drop("X-Never");
  headers.drop(Name::Host);
  CHECK(headers.size() == 0);
  CHECK_FALSE(headers.has(Name::Via));
  CHECK(headers.count(Name::Via) == 0);
  CHECK_FALSE(headers.has("X-Other"));
  headers.add(Name::Via, "1.1 c");
  CHECK(lines(headers) == Lines{"Via: 1.1 c"});
}

TEST_CASE("one line of several can be dropped") {
  Arena arena;
  Headers headers(arena);
  headers.add(Name::Cookie, "a");
  headers.add(Name::Cookie, "b");
  headers.drop_line(*headers.find(Name::Cookie));
  CHECK(headers.get(Name::Cookie) == "b");
  CHECK(headers.count(Name::Cookie) == 1);
}

TEST_CASE("nothing that would break out of its line is added") {
  Arena arena;
  Headers headers(arena);
  for (auto value : {"a\r\nX-Evil: 1"sv, "a\nb"sv, "a\rb"sv, "a\0b"sv, "\n"sv}) {
    CAPTURE(value);
    CHECK_FALSE(headers.add("X-A", value));
    CHECK_FALSE(headers.set("X-A", value));
    CHECK_FALSE(headers.add(Name::Location, value));
    CHECK_FALSE(headers.set(Name::Location, value));
  }
  for (auto name : {""sv, "X A"sv, "X:A"sv, "X-A\r\nY"sv, "X-\xc3\xa4"sv, "X\0"sv, " X"sv}) {
    CAPTURE(name);
    CHECK_FALSE(headers.add(name, "1"));
    CHECK_FALSE(headers.set(name, "1"));
  }
  CHECK_FALSE(headers.add(Name::Other, "no name"));
  CHECK_FALSE(headers.set(Name::Count, "no name"));
  CHECK(headers.size() == 0);
}

TEST_CASE("a refused set leaves the line that was there") {
  Arena arena;
  Headers headers(arena);
  headers.add(Name::Location, "/here");
  CHECK_FALSE(headers.set(Name::Location, "/there\r\n"));
  CHECK_FALSE(headers.set("location", "/there\n"));
  CHECK(headers.get(Name::Location) == "/here");
}

TEST_CASE("add and set copy, so that their arguments may die") {
  Arena arena;
  Headers headers(arena);
  {
    std::string name = "X-Short-Lived";
    std::string value = "value";
    headers.add(name, value);
    headers.add(Name::Referer, value);
    name.assign(name.size(), '?');
    value.assign(value.size(), '?');
  }
  CHECK(lines(headers) == Lines{"X-Short-Lived: value", "Referer: value"});
}

TEST_CASE("more fields than the first room holds are kept, and cleared at once") {
  Arena arena;
  Headers headers(arena);
  for (int i = 0; i < 500; ++i) headers.add("X-" + std::to_string(i), std::to_string(i));
  CHECK(headers.size() == 500);
  CHECK(headers.get("x-0") == "0");
  CHECK(headers.get("x-499") == "499");
  headers.clear();
  CHECK(headers.size() == 0);
  CHECK(headers.begin() == headers.end());
  CHECK_FALSE(headers.has("X-0"));
}

TEST_CASE("path and query are the parts of the target") {
  Arena arena;
  Request request(arena);
  request.target = "/a/b?c=/d?e";
  CHECK(request.path() == "/a/b");
  CHECK(request.query() == "c=/d?e");
  request.target = "/a";
  CHECK(request.path() == "/a");
  CHECK(request.query().empty());
}

TEST_SUITE_END();
