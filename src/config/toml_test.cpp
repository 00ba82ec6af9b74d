#include "config/toml.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace cirque::config {
namespace {

std::optional<std::string> small_world(std::string_view name) {
  if (name == "PORT") return "8080";
  if (name == "BELL") return "a\ab";
  return std::nullopt;
}

struct Toml {
  explicit Toml(std::string_view text) {
    Report report("t.toml", text);
    const Environment environment = small_world;
    Intake intake{.environment = environment, .report = report, .memory = memory};
    root = read_tree(text, Language::Toml, 0, intake);
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

  TreeMemory memory;
  Node root;
  std::vector<Finding> findings;
};

// As flow-style YAML; plain scalars without quotes.
std::string shown(const Node& node) {
  std::string out;
  switch (node.kind) {
    case Node::Kind::Null:
      return "~";
    case Node::Kind::Scalar:
      return node.plain ? std::string(node.text) : fmt::format("'{}'", node.text);
    case Node::Kind::List:
      for (const auto& item : node.items) out += (out.empty() ? "" : ", ") + shown(item);
      return fmt::format("[{}]", out);
    case Node::Kind::Map:
      break;
  }
  for (const auto& [key, value] : node.entries) {
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", key.text, shown(value));
  }
  return fmt::format("{{{}}}", out);
}

const Node& value_of(const Node& map, std::string_view key) {
  for (const auto& entry : map.entries) {
    if (entry.key.text == key) return entry.value;
  }
  FAIL("no such key");
  return map;
}

// What the caret underlines.
std::string_view underlined(std::string_view line, const Spot& spot) {
  return line.substr(spot.column - 1, spot.width);
}

TEST_SUITE("config") {
  TEST_CASE("TOML makes the maps and lists that YAML makes, in the order of the file") {
    Toml r(R"(
zebra = 1
ape.leg.count = 2
[server]
workers = 4
[[services]]
name = "web"
check = {timeout_ms = 500, on = true}
[[services]]
name = 'api'
upstreams = [
  "127.0.0.1:1",  # the first
  "127.0.0.1:2",
]
)");
    REQUIRE(r.told().empty());
    CHECK(shown(r.root) ==
          "{zebra: 1, ape: {leg: {count: 2}}, server: {workers: 4}, services: ["
          "{name: 'web', check: {timeout_ms: 500, on: true}}, "
          "{name: 'api', upstreams: ['127.0.0.1:1', '127.0.0.1:2']}]}");
  }

  TEST_CASE("numbers of TOML are plain: integers in decimal, all others as they are written") {
    Toml r(
        "a = 0xff\nb = 1_000\nc = '\xc3\xa9' # \xc3\xa9\nd = ['\xc3\xa9', 1.50, 6e2]\n"
        "e = 1979-05-27T07:32:00Z\nf = inf\n\"\xc3\xa9\" = -0.5\n");
    REQUIRE(r.told().empty());
    CHECK(shown(r.root) ==
          "{a: 255, b: 1000, c: '\xc3\xa9', d: ['\xc3\xa9', 1.50, 6e2], e: 1979-05-27T07:32:00Z, "
          "f: inf, \xc3\xa9: -0.5}");
  }

  TEST_CASE("keys and values of TOML are underlined whole") {
    Toml r("name = 'web'\n\"a key\".sub = [1, 22]\n  [[services]]\n");
    REQUIRE(r.told().empty());
    CHECK(underlined("name = 'web'", r.root.entries[0].key.spot) == "name");
    CHECK(underlined("name = 'web'", r.root.entries[0].value.spot) == "'web'");
    std::string_view second = "\"a key\".sub = [1, 22]";
    CHECK(underlined(second, r.root.entries[1].key.spot) == "\"a key\"");
    const auto& sub = r.root.entries[1].value.entries[0];
    CHECK(underlined(second, sub.key.spot) == "sub");
    CHECK(underlined(second, sub.value.spot) == "[1, 22]");
    CHECK(underlined(second, sub.value.items[1].spot) == "22");
    const auto& services = r.root.entries[2];
    CHECK(underlined("  [[services]]", services.key.spot) == "services");
    CHECK(underlined("  [[services]]", services.value.items[0].spot) == "[[services]]");
    CHECK(services.key.spot.line == 3);
  }

  TEST_CASE("the environment is put into texts of TOML, and makes them numbers") {
    Toml r("a = '${PORT}'\nb = \"x${NONE:-y}\"\n# ${NONE}\n\"${NONE}\" = 1\n");
    REQUIRE(r.told().empty());
    CHECK(value_of(r.root, "a").plain);
    CHECK(shown(value_of(r.root, "a")) == "8080");
    CHECK(value_of(r.root, "b").text == "xy");
    CHECK(Toml("a = '${NONE}'\n").told() == "CQ1101@1:5");
    CHECK(Toml("a = '${}'\n").told() == "CQ1102@1:5");
  }

  TEST_CASE("a control character cannot hide in TOML") {
    CHECK(Toml("a = \"x\\u0000y\"\n").told() == "CQ1002@1:5");
    CHECK(Toml("\"\\u0000\" = 1\n").told() == "CQ1002@1:1");
    CHECK(Toml("a = '${BELL}'\n").told() == "CQ1002@1:5");
    CHECK(Toml(std::string_view("a = '\0'\n", 8)).told() == "CQ1002@1:6");
  }

  TEST_CASE("what stands in TOML a second time is told at its name") {
    CHECK(Toml("a = 1\nb = 2\n  a = 3\n").told() == "CQ1004@3:3");
    CHECK(Toml("[a]\nx = 1\n[a]\n").told() == "CQ1004@3:2");
    CHECK(Toml("x = {a = 1, a = 2}\n").told() == "CQ1004@1:13");
    CHECK(Toml("[[a]]\n[a]\n").told() == "CQ1004@2:2");
    CHECK(Toml("a.b = 1\n[a]\nb = 2\n").told() == "CQ1004@2:2");
    Toml wide("'\xc3\xa9' = 1\n'\xc3\xa9' = 1\n");
    CHECK(wide.told() == "CQ1004@2:2");
    CHECK(wide.findings[0].message == "'\xc3\xa9' stands here a second time");
  }

  TEST_CASE("a syntax error of TOML has its place") {
    CHECK(Toml("a = \n").told() == "CQ1003@1:5");
    CHECK(Toml("a: 1\n").told() == "CQ1003@1:2");
    CHECK(Toml("a = 1\nb = yes\n").told() == "CQ1003@2:5");
    CHECK(Toml("a = 01\n").told() == "CQ1003@1:7");
    Toml open("a = \"x\nb = 1\n");
    CHECK(open.told() == "CQ1003@1:7");
    CHECK(open.findings[0].message == "the text does not end on its line: a quote is missing");
    CHECK(Toml("a = \"x\r\nb = 1\n").told() == "CQ1003@1:7");
  }

  TEST_CASE("the header of a table has a name") {
    CHECK(Toml("[[= \"web\n").told() == "CQ1003@1:1");
    CHECK(Toml("a = 1\n  [ ]\n").told() == "CQ1003@2:3");
    CHECK(Toml("[").told() == "CQ1003@1:1");
    CHECK(Toml("[[ 'a' ]]\n[ b]\n[-_.\"c\"]\n").told().empty());
    CHECK(Toml("a = [\n  [ ], [[]]\n]\n").told().empty());
  }

  TEST_CASE("letters beyond ASCII stand in quotes and comments alone") {
    CHECK(Toml("# \xc3\xa9\na = 'it\xc3\xa9' # \xc3\xa9\nb = \"\\\"\xc3\xa9\"\n"
               "c = '''\n\xc3\xa9''''\nd = \"\"\"\\\"\"\"\xc3\xa9\"\"\"\"\"\n")
              .told()
              .empty());
    CHECK(Toml("a = 1\n\xc3\xa9 = 1\n").told() == "CQ1003@2:1");
    CHECK(Toml("a = '\xc3\xa9' \xc3\xa9\n").told() == "CQ1003@1:9");
  }

  TEST_CASE("an empty file of TOML is nothing, as in YAML") {
    CHECK(Toml("# nothing\n").root.kind == Node::Kind::Null);
    CHECK(Toml("").told().empty());
  }

  TEST_CASE("line ends of Windows and a mark of the byte order are fine in TOML") {
    Toml r(
        "\xef\xbb\xbf"
        "a = 1\r\nb = 1.5\r\n");
    REQUIRE(r.told().empty());
    CHECK(shown(r.root) == "{a: 1, b: 1.5}");
    CHECK(value_of(r.root, "b").spot.line == 2);
  }

  TEST_CASE("the depth of TOML is bounded, however it comes about") {
    auto repeated = [](std::string_view text, int times) {
      std::string out;
      for (int i = 0; i < times; ++i) out += text;
      return out;
    };
    for (const auto& text :
         {"a = " + repeated("[", 1000) + repeated("]", 1000) + "\n",
          "a" + repeated(".a", 100'000) + " = 1\n", "[a" + repeated(".a", 100'000) + "]\n",
          "[a" + repeated(".a", 60) + "]\nb" + repeated(".b", 60) + " = 1\n",
          "a = " + repeated("{a.a.a.a.a.a.a.a.a = ", 20) + "1" + repeated("}", 20) + "\n"}) {
      CAPTURE(text.substr(0, 80));
      Toml r(text);
      REQUIRE(r.findings.size() == 1);
      CHECK(r.findings[0].code == Code::TooBig);
      CHECK(r.root.kind == Node::Kind::Null);
    }
    CHECK(Toml("a = " + repeated("[", 60) + repeated("]", 60) + "\n").told().empty());
    CHECK(Toml(repeated("a = [1.5, 2.5]\n[b.c.d.e]\n", 1) + "x.y.z = 1.5\n").told().empty());
    CHECK(Toml("a = [" + repeated("1.5, ", 1000) + "]\n").told().empty());
  }
}

}  // namespace
}  // namespace cirque::config
