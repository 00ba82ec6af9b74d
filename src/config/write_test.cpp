#include "config/write.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "config/load.h"
#include "config/lower.h"
#include "config/sample_trees.h"

namespace cirque::config {
namespace {

using Amount = SampleTrees::Amount;

constexpr std::array<std::pair<Language, const char*>, 3> kLanguages = {
    {{Language::Yaml, "t.yaml"}, {Language::Toml, "t.toml"}, {Language::Json, "t.json"}}};

std::optional<std::string> empty_world(std::string_view) {
  return std::nullopt;
}

Loaded load(std::string_view text, const char* name = "t.yaml") {
  return load_text(text, name, empty_world);
}

// The paths of all options in which two records differ; `seen` gets those that were compared.
void compare(std::string_view table, void* one, void* other, std::set<std::string_view>& seen,
             std::vector<std::string_view>& differences) {
  for (const auto* option : canonical().children_of(table)) {
    if (is_short_form(*option)) continue;
    seen.insert(option->path);
    if (option->type == Type::Map) compare(option->path, one, other, seen, differences);
    if (!is_same(*option, one, other)) differences.push_back(option->path);
    const auto* records = std::get_if<Records>(&option->slot);
    if (!records) continue;
    auto size = records->size(one);
    if (size != records->size(other)) {
      differences.push_back(option->path);
      continue;
    }
    for (std::size_t i = 0; i < size; ++i) {
      compare(inside_of(*option), records->at(one, i), records->at(other, i), seen, differences);
    }
  }
}

std::string yaml_of(const DraftNode& tree) {
  return print(tree, Language::Yaml);
}

std::string yaml_of(std::string text) {
  auto node = map_node();
  put(node, "a", text_node(std::move(text)));
  auto line = yaml_of(node);
  return line.substr(3, line.size() - 4);
}

TEST_SUITE("config") {
  TEST_CASE("whatever the table takes is written so that it is loaded again, in every language") {
    std::set<std::string_view> seen;
    for (unsigned seed = 0; seed < 400; ++seed) {
      SampleTrees trees(seed);
      auto model = model_of(trees.map("", seed % 4 == 0 ? Amount::All : Amount::Some));
      for (auto [language, name] : kLanguages) {
        auto text = write(model, language);
        CAPTURE(seed);
        CAPTURE(text);
        auto loaded = load(text, name);
        std::vector<std::string_view> differences;
        compare("", &model, &loaded.model, seen, differences);
        INFO(render(loaded.findings));
        REQUIRE(fmt::format("{}", fmt::join(differences, " ")).empty());
        REQUIRE(write(loaded.model, language) == text);
      }
    }
    for (const auto& option : canonical().options()) {
      bool is_short = option.path.starts_with("services");
      CAPTURE(option.path);
      CHECK(seen.contains(option.path) == !is_short);
    }
  }

  TEST_CASE("the canonical form has what differs from the defaults, in the order of the table") {
    auto loaded = load(R"(
timeouts: {drain: 30s, client_idle: 90s}
server: {workers: 0}
logging: {access: {enabled: false}}
services: [{upstreams: [a.internal:80, '[::1]:80'], bind_address: '0.0.0.0:80', name: web}]
)");
    REQUIRE(loaded.ok());
    CHECK(write(loaded.model, Language::Yaml) == R"(listeners:
  - name: web
    address: 0.0.0.0:80

virtual_hosts:
  - name: web
    hosts: ['*']
    listeners: [web]
    routes:
      - pool: web

pools:
  - name: web
    backends: ['a.internal:80', '[::1]:80']
    health_check:
      timeout: 500ms
      interval: 5s
      unhealthy_threshold: 1
      healthy_threshold: 1

timeouts:
  client_idle: 90s

logging:
  access:
    enabled: false
)");
    CHECK(write(loaded.model, Language::Toml).ends_with(R"([timeouts]
client_idle = "90s"

[logging.access]
enabled = false
)"));
  }

  TEST_CASE("a service loses nothing when it is said at length") {
    auto loaded = load(R"(
services:
  - name: web
    bind_address: 127.0.0.1:80
    upstreams: ['10.0.0.1:80', '10.0.0.1:81']
    tls: false
    health_check: {timeout_ms: 100, frequency_secs: 60, unhealthy_threshold: 7, healthy_threshold: 8}
)");
    REQUIRE(loaded.ok());
    auto again = load(write(loaded.model, Language::Yaml));
    REQUIRE(again.ok());
    CHECK(again.model.services.empty());
    CHECK(again.model.listeners == loaded.model.listeners);
    CHECK(again.model.pools == loaded.model.pools);
    CHECK(again.model.virtual_hosts == loaded.model.virtual_hosts);
    REQUIRE(again.blueprint->lanes.size() == 1);
    CHECK(again.blueprint->lanes[0].only_pool == loaded.blueprint->lanes[0].only_pool);
    CHECK(again.blueprint->pools[0].health.unhealthy_threshold == 7);
    CHECK(again.blueprint->pools[0].health.healthy_threshold == 8);
  }

  TEST_CASE("what the environment would fill is written so that it does not") {
    Model model;
    model.server.congestion_control = "${A}$${B}$";
    for (auto [language, name] : kLanguages) {
      auto text = write(model, language);
      CHECK(text.contains("$${A}$$${B}$"));
      CHECK(load(text, name).model.server.congestion_control == "${A}$${B}$");
    }
  }

  TEST_CASE("a model that is as it comes says nothing") {
    CHECK(write({}, Language::Yaml) == "{}\n");
    CHECK(write({}, Language::Json) == "{}\n");
    CHECK(write({}, Language::Toml).empty());
  }

  TEST_CASE("YAML has quotes where a reader could see something else, and nowhere else") {
    for (const char* text :
         {"a", "a b", "a:b", "0.0.0.0:80", "30s", "32k", "a#b", "é", "x-", "1.2.3", "10.0.0.0/8",
          "/a/{b}", "2001:db8::1", "nobody", "a'b", "$x"}) {
      CHECK(yaml_of(std::string(text)) == text);
    }
    for (const char* text :
         {"",    " a",   "a ",    "7",          "-1",   "+1",    "1.5",  ".5",  "1e3",  "0x1F",
          "0o7", "1_0",  "10:30", "2001-01-01", "true", "False", "YES",  "off", "Null", "~",
          "y",   ".inf", "- a",   "-",          "? a",  ":a",    "a: b", "a:",  "a #b", "#a",
          "*a",  "&a",   "!a",    "|",          ">",    "%a",    "@a",   "`a",  "[a",   "]",
          "{a",  "}",    ",a",    "\"a\"",      "<<",   "=",     "..."}) {
      CHECK(yaml_of(std::string(text)) == fmt::format("'{}'", text));
    }
    CHECK(yaml_of("it's: so") == "'it''s: so'");
    CHECK(yaml_of("it''s") == "it''s");
    CHECK(yaml_of("it''s: so") == "\"it''s: so\"");
    CHECK(yaml_of("a\nb\t\"\\") == R"("a\nb\t\"\\")");
    CHECK(yaml_of("\u2028\u0085") == R"("\u2028\u0085")");
  }

  TEST_CASE("long lists stand one item a line") {
    auto list = list_node();
    for (int i = 0; i < 20; ++i) list.items.push_back(text_node(fmt::format("backend-{}", i)));
    auto tree = map_node();
    put(tree, "b", std::move(list));
    CHECK(print(tree, Language::Yaml).starts_with("b:\n  - backend-0\n  - backend-1\n"));
    CHECK(print(tree, Language::Toml).starts_with("b = [\n  \"backend-0\",\n"));
    CHECK(print(tree, Language::Json).starts_with("{\n  \"b\": [\n    \"backend-0\",\n"));
  }
}

}  // namespace
}  // namespace cirque::config
