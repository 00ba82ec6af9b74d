#include "http/page.h"

#include <doctest/doctest.h>

namespace cirque::http {
namespace {

const PageFacts kFacts{.status = 503,
                       .phrase = "Service Unavailable",
                       .reason = "no_healthy_backend",
                       .request_id = "abc",
                       .host = "shop.example"};

std::string filled(std::string_view text, PageLanguage language = PageLanguage::Html,
                   const PageFacts& facts = kFacts) {
  Arena arena;
  auto page = PageTemplate::of(text, language);
  REQUIRE(page);
  return std::string(page->fill(arena, facts));
}

PageTemplate::Mistake mistake_in(std::string_view text) {
  auto page = PageTemplate::of(text, PageLanguage::Html);
  REQUIRE_FALSE(page);
  return page.error();
}

ErrorPages pages_of(std::initializer_list<std::pair<unsigned, const char*>> rows) {
  ErrorPages pages;
  for (auto [status, text] : rows)
    pages.add(status, PageLanguage::Html, *PageTemplate::of(text, PageLanguage::Html));
  return pages;
}

std::string found(const ErrorPages& pages, int status) {
  Arena arena;
  const auto* page = pages.find(status, PageLanguage::Html);
  return page ? std::string(page->fill(arena, kFacts)) : "none";
}

TEST_SUITE("http") {
  TEST_CASE("a page says what it has holes for") {
    CHECK(filled("{status} {phrase}: {reason} at {host}, {request_id}.") ==
          "503 Service Unavailable: no_healthy_backend at shop.example, abc.");
    CHECK(filled("{host}{host}") == "shop.exampleshop.example");
    CHECK(filled("").empty());
    CHECK(filled("no hole") == "no hole");
  }

  TEST_CASE("a brace that is written twice is one") {
    CHECK(filled("p {{ margin: 0 }}") == "p { margin: 0 }");
    CHECK(filled("{{status}}") == "{status}");
    CHECK(filled("{{{status}}}") == "{503}");
    CHECK(filled(R"({{"a":{{"b":"{reason}"}}}})", PageLanguage::Json) ==
          R"({"a":{"b":"no_healthy_backend"}})");
  }

  TEST_CASE("a brace that stands alone, and a name that is none, are mistakes at their place") {
    CHECK(mistake_in("ab{hots}").at == 2);
    CHECK(mistake_in("ab{hots}").width == 6);
    CHECK(mistake_in("ab{hots}").what.starts_with("{hots} is no placeholder; there are {status}"));
    for (auto text : {"{", "}", "a }", "{}", "{ status }", "{status", "{Status}", "p { margin: 0 }",
                      R"({"a": {status}})", "{{status}", "{status}}"}) {
      CAPTURE(text);
      CHECK(mistake_in(text).what.contains("written twice"));
    }
    CHECK(mistake_in("{" + std::string(5000, 'x') + "}").what.size() < 200);
  }

  TEST_CASE("what is filled in stays text") {
    PageFacts hostile = kFacts;
    hostile.host = "<script>\"'&\x01\xff\n";
    hostile.request_id = "a&b'";
    CHECK(filled("{host}", PageLanguage::Html, hostile) == "&lt;script&gt;&quot;&#39;&amp;???");
    CHECK(filled("{request_id}", PageLanguage::Html, hostile) == "a&amp;b&#39;");
    CHECK(filled("{host}", PageLanguage::Json, hostile) == "<script>\\\"'&\\u0001\\u00ff\\u000a");
    hostile.host = std::string_view("''''''''");
    CHECK(filled("{host}", PageLanguage::Html, hostile).size() == 8 * 5);
    std::string endless(100'000, '\'');
    hostile.host = endless;
    CHECK(filled("{host}", PageLanguage::Html, hostile).size() == 256 * 5);
  }

  TEST_CASE("the page of a status goes before that of its class, and the first stays") {
    auto pages = pages_of({{5, "class"}, {503, "exact"}, {503, "second"}, {404, "lost"}});
    CHECK(found(pages, 503) == "exact");
    CHECK(found(pages, 502) == "class");
    CHECK(found(pages, 404) == "lost");
    CHECK(found(pages, 400) == "none");
    CHECK(pages.find(503, PageLanguage::Json) == nullptr);
    CHECK(ErrorPages().is_empty());
  }
}

}  // namespace
}  // namespace cirque::http
