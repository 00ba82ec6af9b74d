#include "config/go_duration.h"

#include <doctest/doctest.h>

namespace cirque::config {
namespace {

TEST_SUITE("config") {
  TEST_CASE("durations of Go are read as Go reads them") {
    CHECK(parse_go_duration("0") == Duration::zero());
    CHECK(parse_go_duration("0s") == Duration::zero());
    CHECK(parse_go_duration("500ms") == Duration(500ms));
    CHECK(parse_go_duration("1m30s") == Duration(90s));
    CHECK(parse_go_duration("30s1m") == Duration(90s));
    CHECK(parse_go_duration("1s1s") == Duration(2s));
    CHECK(parse_go_duration("+5s") == Duration(5s));
    CHECK(parse_go_duration(".5s") == Duration(500ms));
    CHECK(parse_go_duration("5.s") == Duration(5s));
    CHECK(parse_go_duration("1h15m30.918s") == Duration(75min + 30s + 918ms));
    CHECK(parse_go_duration("2000us") == Duration(2ms));
    CHECK(parse_go_duration("2d") == Duration(48h));
  }

  TEST_CASE("what is finer than a millisecond is rounded up") {
    for (auto text : {"100us", "100\xc2\xb5s", "100\xce\xbcs", "1ns", "999999ns", "0.1ms"}) {
      CAPTURE(text);
      CHECK(parse_go_duration(text) == Duration(1ms));
    }
    CHECK(parse_go_duration("1.0000000001s") == Duration(1s));
    CHECK(parse_go_duration("1000100us") == Duration(1001ms));
  }

  TEST_CASE("what Go refuses is refused, and negative times are") {
    for (auto text : {"", "+", "s", ".s", "1", "10 s", "1s 1s", "ten", "1x", "1S", "-5s", "1s-",
                      "9223372036854775808ns", "300000000h", "1e3s"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_go_duration(text));
    }
    CHECK(parse_go_duration("30").error().hint.contains("30s"));
  }
}

}  // namespace
}  // namespace cirque::config
