#include "base/text.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using namespace cirque::base;
using namespace std::string_view_literals;

TEST_SUITE_BEGIN("base");

TEST_CASE("a number is digits alone, up to its bound") {
  CHECK(parse_number("0") == 0);
  CHECK(parse_number("00042") == 42);
  CHECK(parse_number("18446744073709551615") == UINT64_MAX);
  CHECK_FALSE(parse_number("18446744073709551616"));
  CHECK_FALSE(parse_number("18446744073709551620"));
  CHECK_FALSE(parse_number("99999999999999999999999"));
  CHECK(parse_number("9223372036854775807", INT64_MAX) == INT64_MAX);
  CHECK_FALSE(parse_number("9223372036854775808", INT64_MAX));
  CHECK(parse_number("65535", 65535) == 65535);
  CHECK_FALSE(parse_number("65536", 65535));
  CHECK(parse_number("0", 0) == 0);
  CHECK_FALSE(parse_number("1", 0));
}

TEST_CASE("what is not digits alone is no number") {
  for (auto text : {""sv, " "sv, "+1"sv, "-1"sv, "-0"sv, " 1"sv, "1 "sv, "\t1"sv, "0x1"sv, "1e3"sv,
                    "1.0"sv, "1,2"sv, "1_0"sv, "\xb2"sv, "1\0"sv, "\0"sv, "one"sv}) {
    CAPTURE(text);
    CHECK_FALSE(parse_number(text));
  }
}

TEST_CASE("a written number is read back as itself") {
  for (std::uint64_t n : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, UINT64_MAX}) {
    char text[20];
    auto* end = write_number(text, n);
    CHECK(parse_number({text, end}) == n);
  }
}

TEST_CASE("a token is made of the characters of RFC 9110 and of nothing else") {
  auto allowed = "!#$%&'*+-.^_`|~"sv;
  for (int c = 0; c < 256; ++c) {
    auto byte = static_cast<char>(c);
    bool expected = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    allowed.contains(byte);
    CAPTURE(c);
    CHECK(is_token({&byte, 1}) == (expected && c != 0));
  }
  CHECK_FALSE(is_token(""));
  CHECK(is_token("Content-Length"));
  CHECK_FALSE(is_token("Content Length"));
}

TEST_CASE("case is folded for ASCII alone") {
  CHECK(equal_fold("Content-LENGTH", "content-length"));
  CHECK_FALSE(equal_fold("a", "ab"));
  CHECK_FALSE(equal_fold("\xc4", "\xe4"));
  CHECK_FALSE(equal_fold("@", "`"));  // as far apart as A and a
  CHECK_FALSE(equal_fold("[", "{"));
  CHECK(lowered("HeLLo\xc4") == "hello\xc4");
}

TEST_CASE("spaces and tabs are trimmed, other white space is not") {
  CHECK(trim(" \t a b\t ") == "a b");
  CHECK(trim("\t \t") == "");
  CHECK(trim("\va\f") == "\va\f");
  CHECK(trim("\r\n") == "\r\n");
}

TEST_CASE("a list's elements are trimmed, and empty ones do not count") {
  std::vector<std::string> elements;
  for_each_element(" a ,,\tb,, , c d ,", [&](std::string_view e) { elements.emplace_back(e); });
  CHECK(elements == std::vector<std::string>{"a", "b", "c d"});
  CHECK(has_element("close, Upgrade", "upgrade"));
  CHECK_FALSE(has_element("close, Upgrades", "upgrade"));
  CHECK_FALSE(has_element("", ""));
}

TEST_CASE("the distance of two words is the least number of slips") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("workers", "workers") == 0);
  CHECK(edit_distance("wrokers", "workers") == 1);
  CHECK(edit_distance("worker", "workers") == 1);
  CHECK(edit_distance("workars", "workers") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("ab", "ba") == 1);
  CHECK(edit_distance("upstream", "services") == edit_distance("services", "upstream"));
}

TEST_SUITE_END();
