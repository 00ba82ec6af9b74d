#include "base/json.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using cirque::base::append_json;
using cirque::base::json_size_max;
using cirque::base::write_plain;

namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

std::string json_number(double number) {
  std::string out;
  append_json(out, number);
  return out;
}

std::string plain(std::string_view text) {
  std::string out(4 * text.size(), '\0');
  out.resize(static_cast<std::size_t>(write_plain(out.data(), text) - out.data()));
  return out;
}

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("JSON text that needs no escape stays as it is") {
  CHECK(json("") == "");
  CHECK(json("/a?b=c&d") == "/a?b=c&d");
}

TEST_CASE("JSON escapes quotes, backslashes and control characters") {
  CHECK(json("a\"b\\c") == "a\\\"b\\\\c");
  CHECK(json("\r\n\x1b[0m\x7f") == "\\u000d\\u000a\\u001b[0m\\u007f");
  CHECK(json(std::string_view("\0", 1)) == "\\u0000");
}

TEST_CASE("JSON keeps valid UTF-8") {
  CHECK(json("caf\u00e9 \u20ac \U0001f600") == "caf\u00e9 \u20ac \U0001f600");
}

TEST_CASE("JSON escapes control characters that hide in UTF-8") {
  CHECK(json("a\xc2\x9b[0m") == "a\\u009b[0m");
  CHECK(json("\xc2\xa0") == "\xc2\xa0");
}

TEST_CASE("JSON turns bytes that are not UTF-8 into code points") {
  CHECK(json("\xff") == "\\u00ff");
  CHECK(json("\xc0\xaf") == "\\u00c0\\u00af");             // overlong
  CHECK(json("\xe0\x80\xaf") == "\\u00e0\\u0080\\u00af");  // overlong
  CHECK(json("\xed\xa0\x80") == "\\u00ed\\u00a0\\u0080");  // a surrogate
  CHECK(json("\xf4\x90\x80\x80") == "\\u00f4\\u0090\\u0080\\u0080");
  CHECK(json("\xe2\x82") == "\\u00e2\\u0082");  // cut short
  CHECK(json("\xc3x") == "\\u00c3x");
}

TEST_CASE("JSON text never grows beyond its stated maximum") {
  for (int byte = 0; byte < 256; ++byte) {
    std::string text(3, static_cast<char>(byte));
    CHECK(json(text).size() <= json_size_max(text));
  }
}

TEST_CASE("JSON is appended to what is there") {
  std::string out = "x";
  append_json(out, "y");
  CHECK(out == "xy");
}

TEST_CASE("JSON numbers are short, and never what JSON does not know") {
  CHECK(json_number(0.1) == "0.1");
  CHECK(json_number(3) == "3");
  CHECK(json_number(-std::numeric_limits<double>::max()) == "-1.7976931348623157e+308");
  CHECK(json_number(std::numeric_limits<double>::quiet_NaN()) == "null");
  CHECK(json_number(-std::numeric_limits<double>::infinity()) == "null");
}

TEST_CASE("plain text shows everything unusual as hex") {
  CHECK(plain("GET /") == "GET /");
  CHECK(plain("a\"b\\\n\xe9\x7f") == "a\\x22b\\x5C\\x0A\\xE9\\x7F");
}

TEST_SUITE_END();
