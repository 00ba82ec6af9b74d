#include "config/reader.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace cirque::config {
namespace {

std::optional<std::string> small_world(std::string_view name) {
  if (name == "PORT") return "8080";
  if (name == "EMPTY") return "";
  if (name == "BELL") return "a\ab";
  return std::nullopt;
}

struct Reading {
  explicit Reading(std::string_view text, Language language = Language::Yaml)
      : report("t.yaml", text) {
    const Environment environment = small_world;
    Intake intake{.environment = environment, .report = report, .memory = memory};
    root = read_tree(text, language, 0, intake);
    findings = report.take();
  }

  // The codes and places: "CQ1003@2:1".
  std::string told() const {
    std::string out;
    for (const auto& f : findings) {
      out += fmt::format("{}{}@{}:{}", out.empty() ? "" : " ", text_of(f.code), f.line, f.column);
    }
    return out;
  }

  Report report;
  TreeMemory memory;
  Node root;
  std::vector<Finding> findings;
};

const Node& value_of(const Node& map, std::string_view key) {
  for (const auto& entry : map.entries) {
    if (entry.key.text == key) return entry.value;
  }
  FAIL("no such key");
  return map;
}

TEST_SUITE("config") {
  TEST_CASE("a tree knows the place of everything in it") {
    Reading r("a: 1\nb:\n  - 'x y'\n  - {c: \"\\u00e9\"}\n");
    REQUIRE(r.told().empty());
    const auto& list = value_of(r.root, "b");
    REQUIRE(list.items.size() == 2);
    CHECK(list.items[0].text == "x y");
    CHECK_FALSE(list.items[0].plain);
    CHECK(list.items[0].spot.line == 3);
    CHECK(list.items[0].spot.column == 5);
    CHECK(list.items[0].spot.width == 5);
    const auto& c = value_of(list.items[1], "c");
    CHECK(c.text == "\xc3\xa9");
    CHECK(c.spot.column == 9);
  }

  TEST_CASE("doubled quotes in a row are so many quotes") {
    Reading r(
        "a: 'a''''b'\nb: ''''''\nc: '''' # ''''\nd: ['''''x', '']\n'e''''f': '${PORT}'''''\n");
    REQUIRE(r.told().empty());
    CHECK(value_of(r.root, "a").text == "a''b");
    CHECK(value_of(r.root, "b").text == "''");
    CHECK(value_of(r.root, "c").text == "'");
    CHECK(value_of(r.root, "d").items[0].text == "''x");
    CHECK(value_of(r.root, "d").items[1].text.empty());
    CHECK(value_of(r.root, "e''f").text == "8080''");
    CHECK(Reading("a: 'x\n  ''''y'\n").told() == "CQ1005@1:4");
  }

  TEST_CASE("a closing bracket may stand below its key, and so may what is before it") {
    for (auto text : {"a: [\n  b,\n  c\n]\nd: 1\n", "a: {\n  b: 1\n}\nd: 1\n",
                      "x:\n  - a: [\n    1,\n  ]\n  - b\n", "a: {b: 1,\nc: 2}\n", "a:\n  [b,\nc]\n",
                      "a: [\n# c\n]\n", "a: {\"b\": c,\n\"d\": e\n}\n"}) {
      CAPTURE(text);
      CHECK(Reading(text).told().empty());
    }
    Reading r("a: [\n  '${PORT}',\n  c\n]\nd: 1\n");
    CHECK(value_of(r.root, "a").items[0].text == "8080");
    CHECK(value_of(r.root, "a").items[1].text == "c");
    CHECK(value_of(r.root, "d").text == "1");
  }

  TEST_CASE("brackets that do not close are told where the next key stands") {
    CHECK(Reading("x:\n  - a: ['b'\n    c: 1\n").told() == "CQ1003@3:5");
    CHECK(Reading("a: [b, c]]\n").told() == "CQ1003@1:10");
    CHECK(Reading("a: [b,\n\tc]\n").told() == "CQ1003@2:1");
    // What the first look has told is not told twice.
    CHECK(Reading("a: '${NONE}'\nb: [\n]\n").told() == "CQ1101@1:4");
  }

  TEST_CASE("JSON is read by the same reader") {
    Reading r("{\n\t\"a\": [true, null, 1],\n\t\"b\": \"\\u0041\\/\"\n}\n", Language::Json);
    REQUIRE(r.told().empty());
    CHECK(value_of(r.root, "b").text == "A/");
    CHECK(value_of(r.root, "a").items[1].kind == Node::Kind::Null);
    CHECK(Reading("{'a': 1}", Language::Json).told() == "CQ1003@1:2");
    CHECK(Reading("{\"a\": 1,}", Language::Json).told() == "CQ1003@1:8");
  }

  TEST_CASE("a mark of the byte order at the start is taken off") {
    CHECK(Reading("\xef\xbb\xbf"
                  "a: 1\n")
              .told()
              .empty());
    CHECK(Reading("a: \xef\xbb\xbf"
                  "1\n")
              .told() == "CQ1002@1:4");
  }

  TEST_CASE("line ends of Windows are line ends") {
    Reading r("a: 1\r\nb: 2\r\n");
    REQUIRE(r.told().empty());
    CHECK(value_of(r.root, "b").spot.line == 2);
  }

  TEST_CASE("control characters and broken UTF-8 never reach the parser") {
    CHECK(Reading(std::string_view("%\0\x80\0", 4)).told() == "CQ1002@1:2 CQ1002@1:3 CQ1002@1:4");
    CHECK(Reading("a: 1\n\tb: \x7f\n").told() == "CQ1002@2:5");
    CHECK(Reading("\xc0\xaf").told() == "CQ1002@1:1 CQ1002@1:2");
    CHECK(Reading("\xed\xa0\x80").told() == "CQ1002@1:1 CQ1002@1:2 CQ1002@1:3");
    CHECK(Reading("\xf4\x90\x80\x80").findings.size() == 4);
    CHECK(Reading("a: \xe2\x80\xa8").told() == "CQ1002@1:4");
    CHECK(Reading("a: \xc2\x85").told() == "CQ1002@1:4");
  }

  TEST_CASE("a binary file does not fill the screen") {
    CHECK(Reading(std::string(1000, '\x01')).findings.size() == 10);
  }

  TEST_CASE("a control character cannot hide in an escape or in the environment") {
    CHECK(Reading("{\"a\": \"x\\u0000y\"}", Language::Json).told() == "CQ1002@1:7");
    CHECK(Reading("a: \"\\e[31m\"").told() == "CQ1002@1:4");
    CHECK(Reading("a: ${BELL}").told() == "CQ1002@1:4");
  }

  TEST_CASE("every duplicate key is reported") {
    Reading r("a: 1\nb: 2\na: 3\nb: 4\na: 5\n");
    CHECK(r.told() == "CQ1004@3:1 CQ1004@4:1 CQ1004@5:1");
    CHECK(value_of(r.root, "a").text == "1");
  }

  TEST_CASE("every duplicate key is reported, of how many keys it may be") {
    for (std::size_t keys : {1UL, 15UL, 16UL, 17UL, 18UL, 100UL}) {
      for (std::size_t again = 0; again < keys; ++again) {
        std::string text;
        for (std::size_t i = 0; i < keys; ++i) text += fmt::format("k{}: {{a: {}}}\n", i, i);
        text += fmt::format("k{}: 1\nlast: 1\nlast: 2\n", again);
        Reading r(text);
        CHECK(r.told() == fmt::format("CQ1004@{}:1 CQ1004@{}:1", keys + 1, keys + 3));
        CHECK(r.root.entries.size() == keys + 1);
        CHECK(value_of(r.root, fmt::format("k{}", again)).entries.size() == 1);
        CHECK(value_of(r.root, "last").text == "1");
      }
    }
  }

  TEST_CASE("a syntax error has its place") {
    CHECK(Reading("a: [1, 2\nb: 3\n").told() == "CQ1003@3:1");
    CHECK(Reading("a:\n\t- b\n").told() == "CQ1003@2:1");
    CHECK(Reading("a: b: c\n").told() == "CQ1003@1:5");
    CHECK(Reading("a: \"x\nb: 1\n").told() == "CQ1003@1:4");
  }

  TEST_CASE("a second document and tags are not supported") {
    CHECK(Reading("---\na: 1\n").told().empty());
    CHECK(Reading("a: 1\n---\nb: 1\n").told() == "CQ1005@2:1");
    CHECK(Reading("a: !!str 1\n").told() == "CQ1005@1:4");
    CHECK(Reading("? [a]\n: b\n").told() == "CQ1005@1:3");
  }

  TEST_CASE("the environment is put in, with defaults") {
    Reading r(
        "a: ${PORT}\nb: 'x${PORT}y${NONE:-z}'\nc: $${PORT}\nd: ${EMPTY:-full}\ne: ${EMPTY}\n");
    REQUIRE(r.told().empty());
    CHECK(value_of(r.root, "a").text == "8080");
    CHECK(value_of(r.root, "b").text == "x8080yz");
    CHECK(value_of(r.root, "b").plain);
    CHECK(value_of(r.root, "c").text == "${PORT}");
    CHECK(value_of(r.root, "d").text == "full");
    CHECK(value_of(r.root, "e").text.empty());
  }

  TEST_CASE("a variable that is not set is reported, and each of several") {
    CHECK(Reading("a: ${NONE}\nb: x-${NOR}\n").told() == "CQ1101@1:4 CQ1101@2:4");
    Reading two("a: ${NONE}${NOR}\n");
    CHECK(two.findings.size() == 2);
    CHECK(Reading("# ${NONE}\n${NONE}: 1\n").told().empty());  // comments and keys are left alone
  }

  TEST_CASE("a broken expansion is reported") {
    for (const char* text :
         {"a: ${", "a: ${}", "a: ${1A}", "a: ${A-B}", "a: ${PORT", "a: ${:-x}"}) {
      CAPTURE(text);
      CHECK(Reading(text).told() == "CQ1102@1:4");
    }
  }

  TEST_CASE("aliases repeat what anchors name") {
    Reading r("a: &x {k: 1}\nb: *x\nc:\n  <<: *x\n  k: 2\n  j: 3\nd: {<<: [*x, {m: 4}]}\n");
    REQUIRE(r.told().empty());
    CHECK(value_of(value_of(r.root, "b"), "k").text == "1");
    CHECK(value_of(value_of(r.root, "c"), "k").text == "2");
    CHECK(value_of(r.root, "c").entries.size() == 2);
    CHECK(value_of(value_of(r.root, "d"), "m").text == "4");
    // Who brings its entries in has not taken them away, nor added to them.
    CHECK(value_of(r.root, "a").entries.size() == 1);
    CHECK(value_of(r.root, "b").entries.size() == 1);
  }

  TEST_CASE("an alias needs an anchor above it, and cannot stand in what it names") {
    CHECK(Reading("a: *x\nb: &x 1\n").told() == "CQ1006@1:5");
    CHECK(Reading("a: &x [*x]\n").told() == "CQ1006@1:9");
    CHECK(Reading("a: {<<: 5}\n").told() == "CQ1006@1:9");
  }

  TEST_CASE("laughs by the billion are not computed") {
    std::string text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 12; ++i) {
      std::string prior = fmt::format("*a{}", i - 1);
      text += fmt::format("a{0}: &a{0} [{1},{1},{1},{1},{1},{1},{1},{1},{1},{1}]\n", i, prior);
    }
    Reading r(text);
    REQUIRE(r.findings.size() == 1);
    CHECK(r.findings[0].code == Code::TooBig);
  }

  TEST_CASE("depth is bounded") {
    std::string deep = "a: " + std::string(1000, '[') + std::string(1000, ']');
    Reading r(deep);
    REQUIRE(r.findings.size() == 1);
    CHECK((r.findings[0].code == Code::TooBig || r.findings[0].code == Code::Syntax));
    CHECK(Reading("a: " + std::string(60, '[') + std::string(60, ']')).told().empty());
  }
}

}  // namespace
}  // namespace cirque::config
