#include "config/statuses.h"

#include <doctest/doctest.h>

using cirque::config::parse_statuses;

TEST_SUITE_BEGIN("config");

TEST_CASE("a status, a class and a range") {
  auto is = [](const char* text, unsigned first, unsigned last) {
    auto range = parse_statuses(text);
    return range && range->first == first && range->last == last;
  };
  CHECK(is("200", 200, 200));
  CHECK(is("599", 599, 599));
  CHECK(is("2xx", 200, 299));
  CHECK(is("5xx", 500, 599));
  CHECK(is("200-399", 200, 399));
  CHECK(is("404-404", 404, 404));
  for (auto text : {"", "-", "2", "20", "0200", "+200", "199", "600", "1xx", "6xx", "2XX", "xxx",
                    "2xx-3xx", "399-200", "200-", "-299", "200-600", "100-299", "200 - 299"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_statuses(text));
  }
}

TEST_SUITE_END();
