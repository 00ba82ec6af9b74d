#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "base/text.h"
#include "cirque/http.h"

using namespace cirque;

TEST_SUITE_BEGIN("http");

TEST_CASE("methods are known by their exact text") {
  for (std::size_t i = 0; i + 1 < kMethods; ++i) {
    auto method = static_cast<Method>(i);
    CAPTURE(text_of(method));
    CHECK(method_of(text_of(method)) == method);
    CHECK(method_of(base::lowered(text_of(method))) == Method::Other);
  }
  for (auto text : {"", "G", "GE", "GETS", "PURGE", "OTHER", "PROPFIND"}) {
    CHECK(method_of(text) == Method::Other);
  }
}

TEST_CASE("safe and idempotent are what RFC 9110 9.2 says") {
  struct Row {
    Method method;
    bool safe;
    bool idempotent;
  };

  constexpr Row kRows[] = {
      {Method::Get, true, true},     {Method::Head, true, true},    {Method::Options, true, true},
      {Method::Trace, true, true},   {Method::Put, false, true},    {Method::Delete, false, true},
      {Method::Post, false, false},  {Method::Patch, false, false}, {Method::Connect, false, false},
      {Method::Other, false, false},
  };
  for (auto row : kRows) {
    CAPTURE(text_of(row.method));
    CHECK(is_safe(row.method) == row.safe);
    CHECK(is_idempotent(row.method) == row.idempotent);
  }
}

TEST_CASE("every known field name is found, whatever its case") {
  for (unsigned i = 1; i < static_cast<unsigned>(Name::Count); ++i) {
    auto name = static_cast<Name>(i);
    std::string text(text_of(name));
    CAPTURE(text);
    REQUIRE(base::is_token(text));
    CHECK(name_of(text) == name);
    CHECK(name_of(base::lowered(text)) == name);
    std::ranges::transform(text, text.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    });
    CHECK(name_of(text) == name);
  }
}

TEST_CASE("a name that differs in one byte from a known one is not known") {
  for (unsigned i = 1; i < static_cast<unsigned>(Name::Count); ++i) {
    std::string known(text_of(static_cast<Name>(i)));
    for (std::size_t at = 0; at < known.size(); ++at) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        auto other = known;
        other[at] = static_cast<char>(byte);
        if (base::equal_fold(other, known)) continue;
        CAPTURE(other);
        REQUIRE(name_of(other) != static_cast<Name>(i));
      }
    }
    REQUIRE(name_of(known + "x") != static_cast<Name>(i));
    REQUIRE(name_of(std::string_view(known).substr(1)) != static_cast<Name>(i));
  }
  CHECK(name_of("") == Name::Other);
  CHECK(name_of("X_Real_IP") == Name::Other);
  CHECK(name_of(std::string(70'000, 'x')) == Name::Other);
}

TEST_CASE("a status has the phrase that its RFC gives it") {
  CHECK(reason_phrase(200) == "OK");
  CHECK(reason_phrase(404) == "Not Found");
  CHECK(reason_phrase(431) == "Request Header Fields Too Large");
  CHECK(reason_phrase(502) == "Bad Gateway");
  for (int status : {-1, 0, 99, 199, 299, 499, 599, 1000})
    CHECK(reason_phrase(status) == "Unknown");
}

TEST_SUITE_END();
