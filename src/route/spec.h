#pragma once
// What a router is compiled from: plain values that know nothing of files or syntax. Whoever reads
// a configuration fills them in; places in them come back in findings (route/finding.h).
#include <cstdint>
#include <string>
#include <vector>

namespace cirque::route {

// How a path is given. Request paths are canonical when they are matched (http/target.h), and the
// paths given here are brought into the same form, so "/%41//b" means "/A/b".
enum class PathKind : std::uint8_t {
  Any,      // every path; `text` is not looked at
  Exact,    // "/a/b": this path alone; "*" is the target of OPTIONS *
  Prefix,   // "/a": /a, /a/ and /a/b, but not /ab; "/a/": /a/ and /a/b, but not /a; "/": as Any
  Pattern,  // "/a/{id}/b/*": a segment each, not empty; "/a/**": /a and all below, as a prefix
  Regex,    // RE2 syntax over bytes, must take the whole path
};

struct PathSpec {
  PathKind kind = PathKind::Any;
  std::string text = {};
};

// What a field's value must be. A field that occurs more than once passes when one of its values
// does; Absent passes when there is none. Values are compared byte by byte, case included; a regex
// must take the whole value.
enum class Test : std::uint8_t { Present, Exact, Prefix, Regex, Absent };

struct FieldSpec {
  std::string name;  // of a header field whatever its case; of a parameter or cookie as written
  Test test = Test::Present;
  std::string text =
      {};  // of Exact, Prefix and Regex. Query: as decoded, "a b" for "a%20b" and "a+b"
};

// One route: all that is given must hold. An empty list asks for nothing.
struct RouteSpec {
  PathSpec path = {};
  std::vector<std::string> methods = {};  // any of these; "GET" does not take HEAD
  std::vector<std::string> sources =
      {};  // the client's address is in any of these: "10.0.0.0/8", "::1"
  std::vector<FieldSpec> headers = {};
  std::vector<FieldSpec> query = {};
  std::vector<FieldSpec> cookies = {};
  std::uint32_t target = 0;  // opaque: comes back in Match
  // It asks for more than stands here, which could not be read: it takes nothing, hides nobody and
  // is hidden by nobody.
  bool is_torn = false;
};

// Names and the routes that serve them. A request that finds its host here and no route in it is a
// miss: it does not go on to a wildcard or to the default host.
struct VirtualHostSpec {
  // "example.com", "*.example.com" (one label or more in place of the star), "192.0.2.1", "[::1]";
  // "*" is the default, for every name that no host has. No ports: a host serves all of them.
  std::vector<std::string> names;
  std::vector<RouteSpec> routes;
};

}  // namespace cirque::route
