#include "config/finding.h"

#include <doctest/doctest.h>

#include "config/docs.h"
#include "config/load.h"

namespace cirque::config {
namespace {

TEST_SUITE("config") {
  TEST_CASE("a finding shows the line with a caret, what was expected and a hint") {
    Finding f{.severity = Severity::Error,
              .code = Code::UnknownKey,
              .file = "a.yaml",
              .line = 7,
              .column = 3,
              .width = 4,
              .path = "server.wrkr",
              .message = "unknown key 'wrkr'",
              .expected = "one of workers",
              .hint = "did you mean 'workers'?",
              .source = "\t\xc3\xa9wrkr: 1"};
    CHECK(render(f) ==
          "a.yaml:7:3: error CQ1203: unknown key 'wrkr'\n"
          " 7 |  \xc3\xa9wrkr: 1\n"
          "   |   ^~~~\n"
          "   expected: one of workers\n"
          "   did you mean 'workers'?\n");
  }

  TEST_CASE("a finding without a place has no line to show") {
    Finding f{.code = Code::Unreadable, .file = "a.yaml", .message = "cannot be read"};
    CHECK(render(f) == "a.yaml: error CQ1001: cannot be read\n");
  }

  TEST_CASE("of a very long line the part around the caret is shown") {
    Finding f{.code = Code::Syntax, .file = "a", .line = 1, .column = 5001, .message = "m"};
    f.source = std::string(5000, 'x') + "HERE" + std::string(5000, 'y');
    auto text = render(f);
    CHECK(text.size() < 500);
    auto shown = text.find("HERE");
    REQUIRE(shown != text.npos);
    auto caret = text.find('^');
    auto line_start = text.rfind('\n', shown) + 1;
    CHECK(shown - line_start == caret - (text.rfind('\n', caret) + 1));
  }

  TEST_CASE("a terminal does not obey what a file says") {
    auto loaded = load_text("a\x1b[31m: 1\n", "x\x1b[2J.yaml");
    CHECK_FALSE(render(loaded.findings).contains('\x1b'));
  }

  TEST_CASE("a caret beyond the end of the line is at its end") {
    Finding f{
        .code = Code::Syntax, .file = "a", .line = 1, .column = 9, .width = 50, .message = "m"};
    f.source = "abc";
    CHECK(render(f) == "a:1:9: error CQ1003: m\n 1 | abc\n   |         ^\n");
  }

  TEST_CASE("every code is explained, once and in order") {
    unsigned last = 0;
    for (const auto& e : explanations()) {
      CAPTURE(text_of(e.code));
      CHECK(static_cast<unsigned>(e.code) > last);
      last = static_cast<unsigned>(e.code);
      CHECK_FALSE(e.title.empty());
      CHECK(e.text.size() > 20);
      CHECK(e.wrong.empty() == e.right.empty());
    }
    CHECK(explanations().size() == 68);
    CHECK(explanation_of("CQ1203")->code == Code::UnknownKey);
    CHECK(explanation_of("cq1203") == explanation_of("1203"));
    CHECK(explanation_of("CQ9999") == nullptr);
    CHECK(explanation_of("CQ") == nullptr);
    CHECK(explanation_of("x") == nullptr);
  }
}

}  // namespace
}  // namespace cirque::config
