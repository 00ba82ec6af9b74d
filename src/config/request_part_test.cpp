#include "config/request_part.h"

#include <doctest/doctest.h>

namespace cirque::config {
namespace {

using Kind = RequestPart::Kind;

constexpr Kind kSome[] = {Kind::Address, Kind::Header, Kind::Cookie, Kind::Query, Kind::Host};

Value<RequestPart> parse(std::string_view text) {
  return parse_request_part(text, kSome);
}

}  // namespace

TEST_SUITE_BEGIN("config");

TEST_CASE("parts of a request, and what is none") {
  CHECK(*parse("address") == RequestPart{.kind = Kind::Address});
  CHECK(*parse("query:a b") == RequestPart{.kind = Kind::Query, .name = "a b"});
  CHECK(*parse("cookie:Sid") == RequestPart{.kind = Kind::Cookie, .name = "Sid"});
  CHECK(parse("header:X-User")->name == "x-user");
  CHECK(parse("header:User-Agent")->id == Name::UserAgent);
  for (auto bad :
       {"", "address:1", "header", "header:", "header:a b", "cookie:a;b", "Host", "hots"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse(bad));
  }
  CHECK(parse("hots").error().hint == "did you mean 'host'?");
  CHECK(parse("ip").error().hint == "write address");
}

TEST_CASE("what is a part elsewhere alone is refused, and not proposed") {
  CHECK(parse("path").error().message == "is of no use here");
  CHECK(parse("uri").error().hint.empty());
  CHECK(parse("pat").error().hint.empty());
}

TEST_CASE("the list of what may be written") {
  CHECK(list_of(kSome) == "address, header:NAME, cookie:NAME, query:NAME or host");
  CHECK(list_of(std::span(kSome).first(1)) == "address");
}

TEST_SUITE_END();

}  // namespace cirque::config
