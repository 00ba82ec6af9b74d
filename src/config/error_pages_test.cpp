#include "config/error_pages.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "config/load.h"
#include "config/survey.h"

namespace cirque::config {
namespace {

constexpr const char* kSite = R"(
services: [{name: web, bind_address: 127.0.0.1:8080, upstreams: [127.0.0.1:3000]}]
)";

Loaded loaded_of(const std::vector<Source>& sources) {
  auto nothing_set = [](std::string_view) -> std::optional<std::string> { return {}; };
  return load_file(sources.front().path, nothing_set, files_of(sources));
}

std::string filled(const Loaded& loaded, int status, std::string_view host = "") {
  Arena arena;
  const auto& blueprint = *loaded.blueprint;
  const auto* page =
      blueprint.error_page(blueprint.lanes[0], host, status, http::PageLanguage::Html);
  return page ? std::string(page->fill(
                    arena,
                    {.status = status, .phrase = {}, .reason = {}, .request_id = {}, .host = host}))
              : "none";
}

TEST_SUITE("config") {
  TEST_CASE("a page's file belongs to the configuration, once, however many ask for it") {
    std::vector<Source> files = {
        {.path = "etc/site.yaml", .text = std::string(kSite) + R"(
include: more/pages.yaml
error_pages: [{status: 404, html: {file: more/x.html}}]
)"},
        {.path = "etc/more/pages.yaml",
         .text = "error_pages: [{status: 5xx, html: {file: x.html}, json: {file: x.html}}]"},
        {.path = "etc/more/x.html", .text = "{status} here"}};
    auto loaded = loaded_of(files);
    REQUIRE_MESSAGE(loaded.ok(), render(loaded.findings));
    CHECK(filled(loaded, 404) == "404 here");
    CHECK(filled(loaded, 500) == "500 here");
    CHECK(filled(loaded, 400) == "none");
    CHECK(loaded.sources.size() == 3);
    CHECK(std::ranges::count(loaded.sources, "etc/more/x.html", &Source::path) == 1);
    CHECK(loaded.model.error_pages[0].html.file.empty());

    auto again = loaded_of(loaded.sources);
    CHECK(filled(again, 500) == "500 here");

    auto surveyed = survey("etc/site.yaml", files_of(files));
    CHECK(surveyed.sources == loaded.sources);
    CHECK(std::ranges::count(surveyed.wanted.paths, "etc/more/x.html") == 1);
  }

  TEST_CASE("the host that is asked for has its page before all hosts") {
    auto loaded = loaded_of({{.path = "site.yaml", .text = R"(
listeners: [{name: web, address: 127.0.0.1:8080}]
virtual_hosts:
  - {hosts: [plain.example], routes: [{respond: {status: 200}}]}
  - hosts: [own.example]
    error_pages: [{status: 404, html: {text: own}}]
    routes: [{path: /, respond: {status: 200}}]
error_pages: [{status: 4xx, html: {text: all}}]
)"}});
    REQUIRE_MESSAGE(loaded.ok(), render(loaded.findings));
    CHECK(filled(loaded, 404, "own.example:80") == "own");
    CHECK(filled(loaded, 400, "own.example") == "all");
    for (auto host : {"plain.example", "nobody.example", "", "\x01"})
      CHECK(filled(loaded, 404, host) == "all");
    CHECK(filled(loaded, 500) == "none");
  }

  TEST_CASE("a file with a mistake is told once, and where it was named") {
    auto loaded = loaded_of({{.path = "site.yaml", .text = std::string(kSite) + R"(
error_pages:
  - {status: 404, html: {file: x.html}}
  - {status: 503, html: {file: x.html}}
)"},
                             {.path = "x.html", .text = "one\ntwo {thr}"}});
    REQUIRE(loaded.findings.size() == 1);
    const auto& finding = loaded.findings[0];
    CHECK(finding.code == Code::BadTemplate);
    CHECK(finding.file == "x.html");
    CHECK(finding.line == 2);
    CHECK(finding.column == 5);
    CHECK(finding.width == 5);
    CHECK(render(finding).contains("site.yaml:5"));
  }

  TEST_CASE("a file that is not there is watched for") {
    std::vector<Source> files = {
        {.path = "site.yaml",
         .text = std::string(kSite) + "error_pages: [{status: 404, html: {file: x.html}}]"}};
    auto loaded = loaded_of(files);
    REQUIRE(loaded.findings.size() == 1);
    CHECK(loaded.findings[0].code == Code::NoPage);
    auto surveyed = survey("site.yaml", files_of(files));
    CHECK(std::ranges::count(surveyed.wanted.paths, "x.html") == 1);
  }

  TEST_CASE("one large page for very many hosts is too much") {
    std::string site(kSite);
    site += "virtual_hosts:\n";
    for (int i = 0; i < 1100; ++i) {
      site += "  - {hosts: [h" + std::to_string(i) +
              ".example], routes: [{pool: web}], error_pages: [{status: 404, html: {file: x}}]}\n";
    }
    auto loaded = loaded_of({{.path = "site.yaml", .text = site},
                             {.path = "x", .text = std::string(kPageBytesMax, 'x')}});
    auto is_too_big = [](const Finding& f) { return f.code == Code::TooBig; };
    CHECK(std::ranges::count_if(loaded.findings, is_too_big) == 1);
  }

  TEST_CASE("what has another shape is told as that, and reads no file") {
    for (auto pages :
         {"error_pages: 7", "error_pages: [7]", "error_pages: [{status: 404, html: 7}]",
          "error_pages: [{status: 404, html: {file: [x]}}]",
          "error_pages: [{status: 404, html: {file: }}]", "error_pages: {status: 404}"}) {
      CAPTURE(pages);
      auto loaded = loaded_of({{.path = "site.yaml", .text = std::string(kSite) + pages}});
      CHECK_FALSE(loaded.ok());
      CHECK(loaded.sources.size() == 1);
    }
  }
}

}  // namespace
}  // namespace cirque::config
