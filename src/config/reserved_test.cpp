#include "config/reserved.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "config/load.h"
#include "config/options.h"

namespace cirque::config {

TEST_SUITE_BEGIN("config");

TEST_CASE("what is kept for later is not there yet, and has a place") {
  for (const auto& one : reserved()) {
    CAPTURE(one.path);
    CHECK_FALSE(canonical().at(one.path));
    auto dot = one.path.rfind('.');
    if (dot == one.path.npos) continue;
    auto above = one.path.substr(0, dot);
    if (above.ends_with("[]")) above.remove_suffix(2);
    CHECK(canonical().at(above));
  }
}

TEST_CASE("a file that has it is told so, wherever it stands") {
  auto told = [](std::string_view text) {
    auto loaded = load_text(text, "t.yaml", [](auto) { return std::nullopt; });
    std::string all;
    for (const auto& f : loaded.findings) all += fmt::format("{} {}\n", text_of(f.code), f.message);
    return all;
  };
  constexpr std::string_view kRest =
      "services: [{name: web, bind_address: '127.0.0.1:8080', upstreams: ['127.0.0.1:3000']}]\n";
  CHECK(told(fmt::format("tracing: {{}}\n{}", kRest)) ==
        "CQ1417 'tracing' is not supported yet (Where spans go, and how many)\n");
  CHECK(
      told(fmt::format("pools: [{{name: p, backends: ['127.0.0.1:3000'], tls: true}}]\n{}", kRest))
          .starts_with("CQ1417 'tls' is not supported yet"));
  CHECK(told(fmt::format("logging: {{tls: true}}\n{}", kRest)).starts_with("CQ1203"));
  CHECK(told(fmt::format("filters: []\n{}", kRest)).starts_with("CQ1203"));
}

TEST_SUITE_END();

}  // namespace cirque::config
