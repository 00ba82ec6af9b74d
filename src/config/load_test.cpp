#include "config/load.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/options.h"
#include "config/values.h"

namespace cirque::config {
namespace {

std::optional<std::string> empty_world(std::string_view) {
  return std::nullopt;
}

// With the files that the table's examples name.
Loaded load(std::string_view text) {
  auto files = files_of(
      {{.path = "errors/5xx.html", .text = "x"}, {.path = "errors/5xx.json", .text = "x"}});
  return load_text(text, "t.yaml", empty_world, files);
}

// The codes and places: "CQ1003@2:1".
std::string told(const Loaded& loaded) {
  std::string out;
  for (const auto& f : loaded.findings) {
    out += fmt::format("{}{}@{}:{}", out.empty() ? "" : " ", text_of(f.code), f.line, f.column);
  }
  return out;
}

constexpr std::string_view kLeast =
    "services: [{name: web, bind_address: '0.0.0.0:80', upstreams: ['127.0.0.1:3000']}]\n";

// The document of the requirements.
constexpr std::string_view kDocument = R"(services:
  - name: 'admin-portal'
    bind_address: '0.0.0.0:6188'
    upstreams:
      - '127.0.0.1:3002'
    tls: false
    health_check:
      timeout_ms: 500
      frequency_secs: 5
  - name: 'oauth-service'
    bind_address: '0.0.0.0:6189'
    upstreams:
      - '127.0.0.1:3001'
    tls: false
)";

// The part of a path that is within the record: "tls" of "services[].tls".
std::string_view within(std::string_view path) {
  auto end = path.find_last_of("]}");
  return end == path.npos ? path : path.substr(end + 2);
}

// A file that is right but for one line, "<key>: <value>", at the place that `option` has.
struct OneLine {
  OneLine(const Option& option, std::string_view key, std::string_view value) {
    enter(option.path, "");
    auto rest = within(option.path);
    while (rest.contains('.')) {
      text += fmt::format("{}{}:\n", indent, rest.substr(0, rest.find('.')));
      indent += "  ";
      rest.remove_prefix(rest.find('.') + 1);
    }
    text += fmt::format("{}{}: {}\n", indent, key, value);
    line = static_cast<unsigned>(std::ranges::count(text, '\n'));
    if (!option.path.starts_with("services")) text += kLeast;
  }

  // Opens the lists that the path leads through, one item each, with what their items need.
  void enter(std::string_view path, std::string_view from) {
    auto end = path.find("[]", from.size());
    if (end == path.npos) return;
    auto key =
        path.substr(from.empty() ? 0 : from.size() + 1, end - (from.empty() ? 0 : from.size() + 1));
    // The comment stands for the dash's line, so that all keys look alike.
    text += fmt::format("{0}{1}:\n{0}  - #\n", indent, key);
    indent += "    ";
    auto table = path.substr(0, end + 2);
    need(table, path, indent);
    enter(path, table);
  }

  // The keys that a record must have, but those on the way to `path`.
  void need(std::string_view table, std::string_view path, const std::string& at) {
    for (const auto* child : canonical().children_of(table)) {
      bool is_on_the_way = path.starts_with(child->path);
      if (child->need != Need::Required || is_on_the_way) continue;
      if (!is_group(*child)) {
        text += fmt::format("{}{}: {}\n", at, child->key(), child->example);
      } else if (child->type == Type::List) {
        text += fmt::format("{0}{1}:\n{0}  - #\n", at, child->key());
        need(inside_of(*child), path, at + "    ");
        if (child->key() == "routes") text += fmt::format("{}    pool: web\n", at);
      } else {
        text += fmt::format("{}{}: {{}}\n", at, child->key());
      }
    }
  }

  std::string text;
  std::string indent;
  unsigned line;
};

// Is the line's value wrong in itself? It may well name what this small file does not have.
bool is_refused(const OneLine& one) {
  return std::ranges::any_of(load(one.text).findings, [&](const Finding& f) {
    return f.line == one.line && f.code < Code::NoServices && f.code != Code::MissingKey;
  });
}

// The record that the option is in, of the first item of every list on the way.
void* record_of(Model& model, const Option& option) {
  void* record = &model;
  for (auto end = option.path.find("[]"); end != option.path.npos;
       end = option.path.find("[]", end + 1)) {
    record = std::get<Records>(canonical().at(option.path.substr(0, end))->slot).at(record, 0);
  }
  return record;
}

// Then the line of a mistake in it is not repeated: one slip of the pen, and a secret is behind it.
bool has_secrets(const Option& option) {
  bool is_map = option.type == Type::Map;
  return option.is_secret ||
         (is_map && std::ranges::any_of(canonical().children_of(option.path), &Option::is_secret));
}

void must_tell(const Option& option, std::string_view key, std::string_view value, Code code) {
  OneLine one(option, key, value);
  CAPTURE(one.text);
  auto loaded = load(one.text);
  CHECK_FALSE(loaded.ok());
  bool found = false;
  for (const auto& f : loaded.findings) {
    CHECK(f.line > 0);
    CHECK(f.column > 0);
    if (f.code != code || f.line != one.line) continue;
    found = true;
    CHECK_FALSE((f.expected.empty() && f.hint.empty()));
    CHECK((!f.source.empty() || has_secrets(option)));
    CHECK(f.path.contains(key));
  }
  INFO(render(loaded.findings));
  CHECK_MESSAGE(found, "expected ", text_of(code), " on line ", one.line);
}

bool has_range(const Option& o) {
  return o.type == Type::Number || o.type == Type::Milliseconds || o.type == Type::Seconds ||
         o.type == Type::Duration || o.type == Type::Size;
}

// `amount` as the file would have it.
std::string written(const Option& o, std::uint64_t amount) {
  if (o.type == Type::Duration) return fmt::format("{}ms", amount);
  if (o.type == Type::Seconds) return fmt::format("{}", amount / 1000);
  return fmt::format("{}", amount);
}

TEST_SUITE("config") {
  TEST_CASE("a route whose path is wrong neither hides others nor is hidden") {
    auto with = [](std::string_view first) {
      return told(
          load(fmt::format("listeners: [{{name: web, address: '0.0.0.0:80'}}]\n"
                           "virtual_hosts:\n"
                           "- hosts: [a.example]\n"
                           "  routes:\n"
                           "  - {{{}}}\n"
                           "  - {{respond: {{status: 204}}}}\n"
                           "  - {{path: /a, respond: {{status: 204}}}}\n"
                           "  - {{path: /a, respond: {{status: 204}}}}\n",
                           first)));
    };
    constexpr auto kOwn = "CQ1416@8:5";
    CHECK(with("path: '${NONE}', respond: {status: 204}") == fmt::format("CQ1101@5:12 {}", kOwn));
    CHECK(with("pth: /b, respond: {status: 204}") == fmt::format("CQ1203@5:6 {}", kOwn));
    CHECK(with("methods: [], respond: {status: 204}") == fmt::format("CQ1204@5:6 {}", kOwn));
    CHECK(with("headers: [{nme: X}], respond: {status: 204}") ==
          fmt::format("CQ1203@5:17 {}", kOwn));
    // Where it leads is another matter.
    CHECK(with("respond: {status: 99}") == fmt::format("CQ1301@5:24 CQ1416@6:5 {}", kOwn));
  }

  TEST_CASE("a wrong limit makes no other setting idle") {
    auto with = [](std::string_view pool) {
      return told(
          load(fmt::format("listeners: [{{name: web, address: '0.0.0.0:80'}}]\n"
                           "virtual_hosts: [{{hosts: ['*'], routes: [{{pool: a}}]}}]\n"
                           "pools:\n"
                           "- {{name: a, backends: ['10.0.0.1:80'], {}}}\n",
                           pool)));
    };
    CHECK(with("queue: {size: 9}") == "CQ1509@4:54");
    CHECK(with("concurrency_limit: many, queue: {size: 9}") == "CQ1201@4:59");
    CHECK(with("adaptive_limit: {min: 5}") == "CQ1509@4:62");
    CHECK(with("adaptive_limit: {min: 5, max: many}") == "CQ1201@4:70");
  }

  TEST_CASE("the file of the requirements loads, with its defaults") {
    auto loaded = load(kDocument);
    REQUIRE(told(loaded).empty());
    const auto& services = loaded.model.services;
    REQUIRE(services.size() == 2);
    CHECK(services[0].name == "admin-portal");
    CHECK(services[0].bind.address->text() == "0.0.0.0:6188");
    REQUIRE(services[0].upstreams.size() == 1);
    CHECK(services[0].upstreams[0].port == 3002);
    CHECK(services[0].health_check.timeout == 500ms);
    CHECK(services[0].health_check.interval == 5s);
    CHECK(services[1].name == "oauth-service");
    CHECK(services[1].health_check.timeout == 500ms);
    CHECK(services[1].health_check.interval == 5s);
    CHECK(loaded.model.metrics.listen.text == "127.0.0.1:9090");
    CHECK(loaded.model.file == "t.yaml");
  }

  TEST_CASE("the same as JSON is the same") {
    auto loaded = load_text(
        R"({"services": [{"name": "a", "bind_address": "[::]:80", "upstreams": ["localhost:1"],
        "health_check": {"timeout_ms": 100, "healthy_threshold": 3}}], "server": {"workers": 2}})",
        "t.json", empty_world);
    REQUIRE(told(loaded).empty());
    CHECK(loaded.model.services[0].health_check.timeout == 100ms);
    CHECK(loaded.model.services[0].health_check.healthy_threshold == 3);
    CHECK(loaded.model.services[0].upstreams[0].host == "localhost");
    CHECK(loaded.model.server.workers == 2);
  }

  TEST_CASE("a service without upstreams is told in the words of the document") {
    auto loaded =
        load("services:\n  - name: web\n    bind_address: 0.0.0.0:80\n    upstreams: []\n");
    REQUIRE(loaded.findings.size() == 1);
    CHECK(loaded.findings[0].message == "Service 'web' has no defined upstreams.");
    CHECK(told(loaded) == "CQ1402@4:5");
    CHECK(told(load("services:\n  - name: web\n    bind_address: 0.0.0.0:80\n    upstreams:\n")) ==
          "CQ1402@4:5");
  }

  TEST_CASE("every example of the table is accepted") {
    for (const auto& option : canonical().options()) {
      if (option.example.empty()) continue;
      OneLine one(option, option.key(), option.example);
      CAPTURE(one.text);
      CHECK_FALSE(is_refused(one));
    }
  }

  TEST_CASE("every default of the table is accepted, and is what an empty file means") {
    for (const auto& option : canonical().options()) {
      auto preset = canonical().default_of(option);
      if (preset.empty()) continue;
      OneLine one(option, option.key(), preset);
      CAPTURE(one.text);
      CHECK_FALSE(is_refused(one));
    }
  }

  TEST_CASE("every key with a slip of the pen is an error that names the key") {
    for (const auto& option : canonical().options()) {
      auto key = option.key();
      std::vector<std::string> slips = {std::string(key) + "s", "x" + std::string(key),
                                        std::string(key.substr(0, key.size() - 1)) + "_",
                                        std::string(key.substr(0, 1)) + std::string(key)};
      if (key.size() > 4) slips.emplace_back(key.substr(1));
      for (const auto& slip : slips) {
        if (canonical().child(option.parent(), slip)) continue;
        must_tell(option, slip, option.example.empty() ? "{}" : option.example, Code::UnknownKey);
        auto loaded = load(OneLine(option, slip, "1").text);
        bool named = std::ranges::any_of(loaded.findings, [&](const Finding& f) {
          return f.code == Code::UnknownKey && f.hint.starts_with("did you mean");
        });
        CAPTURE(slip);
        CHECK(named);
      }
    }
  }

  TEST_CASE("every key with a value of another type is an error") {
    for (const auto& option : canonical().options()) {
      if (option.type != Type::Map) must_tell(option, option.key(), "{a: 1}", Code::WrongType);
      bool takes_list = option.type == Type::List || option.type == Type::Connect ||
                        option.type == Type::Networks || option.type == Type::NameServers ||
                        option.type == Type::Names || option.type == Type::Members ||
                        option.type == Type::Statuses || option.type == Type::Include;
      if (!takes_list) must_tell(option, option.key(), "[a]", Code::WrongType);
      bool takes_text = option.type == Type::Include;
      if (is_group(option) || (takes_list && !takes_text))
        must_tell(option, option.key(), "7", Code::WrongType);
      if (option.type == Type::Flag) must_tell(option, option.key(), "'true'", Code::WrongType);
      if (option.type == Type::Flag) must_tell(option, option.key(), "yes", Code::WrongType);
      bool is_number = option.type == Type::Number || option.type == Type::Milliseconds ||
                       option.type == Type::Seconds;
      for (const char* text :
           {"many", "'7'", "1.5", "0x10", "010", "true", "1e3", "1_000", "+5", "''"}) {
        if (is_number) must_tell(option, option.key(), text, Code::WrongType);
      }
      bool is_text = option.type == Type::Name || option.type == Type::Path ||
                     option.type == Type::Text || option.type == Type::Prose;
      for (const char* text : {"7", "true", "-1", "1.5"}) {
        if (is_text) must_tell(option, option.key(), text, Code::WrongType);
      }
      if (is_text && option.min > 0) must_tell(option, option.key(), "''", Code::BadText);
      bool has_length = is_text || option.type == Type::Names || option.type == Type::Table;
      auto too_long = std::string(has_length ? option.max + 1 : 0, 'x');
      if (is_text) must_tell(option, option.key(), too_long, Code::BadText);
      if (option.type == Type::Names) {
        must_tell(option, option.key(), fmt::format("[{}]", too_long), Code::BadText);
        must_tell(option, option.key(), "['a b']", Code::BadText);
        must_tell(option, option.key(), "[7]", Code::WrongType);
      }
      if (option.type == Type::Statuses) {
        for (const char* text : {"x", "199", "600", "0200", "6xx", "2XX", "2x", "300-200", "200-",
                                 "200-600", "true", "''", "200-300-400"}) {
          must_tell(option, option.key(), fmt::format("[{}]", text), Code::BadChoice);
        }
        must_tell(option, option.key(), fmt::format("[{}]", option.min - 1), Code::BadChoice);
        must_tell(option, option.key(), fmt::format("[{}]", option.max + 1), Code::BadChoice);
      }
      if (option.type == Type::Members) {
        must_tell(option, option.key(), "['a:0']", Code::BadAddress);
        must_tell(option, option.key(), "[nobody]", Code::UnknownName);
      }
      if (option.type == Type::Table) {
        must_tell(option, option.key(), fmt::format("{{a: {}}}", too_long), Code::BadText);
        must_tell(option, option.key(), "{a: [b]}", Code::WrongType);
        must_tell(option, option.key(), "{a: }", Code::NoValue);
      }
      if (option.type == Type::Target) must_tell(option, option.key(), "8080", Code::BadAddress);
      if (option.type == Type::Choice) must_tell(option, option.key(), "whatever", Code::BadChoice);
      if (option.type == Type::Listen) must_tell(option, option.key(), "8080", Code::BadAddress);
      if (option.type == Type::Connect)
        must_tell(option, option.key(), "['a:0']", Code::BadAddress);
      if (option.type == Type::Networks)
        must_tell(option, option.key(), "['10.*']", Code::BadNetwork);
      if (option.type == Type::NameServers)
        must_tell(option, option.key(), "['a:53']", Code::BadAddress);
    }
  }

  TEST_CASE("every key with the wrong unit is an error") {
    for (const auto& option : canonical().options()) {
      for (const char* text : {"30", "30 s", "30sec", "1.0005s", "1s1m", "-5s", "soon", "''"}) {
        if (option.type == Type::Duration) must_tell(option, option.key(), text, Code::BadDuration);
      }
      for (const char* text : {"5kb", "5x", "5 k", "1.5k", "big", "''"}) {
        if (option.type == Type::Size) must_tell(option, option.key(), text, Code::BadSize);
      }
      bool has_unit_in_key = option.type == Type::Milliseconds || option.type == Type::Seconds;
      if (has_unit_in_key) must_tell(option, option.key(), "5s", Code::WrongType);
      if (option.type == Type::Number) must_tell(option, option.key(), "5k", Code::WrongType);
    }
  }

  TEST_CASE("every key refuses what is out of range and takes the bounds") {
    for (const auto& option : canonical().options()) {
      if (!has_range(option)) continue;
      auto step = option.type == Type::Seconds ? 1000U : 1U;
      must_tell(option, option.key(), written(option, option.max + step), Code::OutOfRange);
      if (option.min > 0) {
        must_tell(option, option.key(), written(option, option.min - step), Code::OutOfRange);
      } else if (option.type == Type::Number) {
        must_tell(option, option.key(), "-1", Code::OutOfRange);
      }
      for (auto bound : {option.min, option.max}) {
        OneLine one(option, option.key(), written(option, bound));
        CAPTURE(one.text);
        auto loaded = load(one.text);
        bool refused = std::ranges::any_of(
            loaded.findings, [](const Finding& f) { return f.code == Code::OutOfRange; });
        CHECK_FALSE(refused);
      }
    }
  }

  TEST_CASE("every key without a value is an error or has its defaults") {
    for (const auto& option : canonical().options()) {
      if (option.type == Type::Map) {
        auto loaded = load(OneLine(option, option.key(), "").text);
        CHECK(std::ranges::find(loaded.findings, Code::NoValue, &Finding::code) ==
              loaded.findings.end());
      } else {
        must_tell(option, option.key(), "",
                  option.type == Type::Connect ? Code::NoUpstreams : Code::NoValue);
      }
    }
  }

  TEST_CASE("every key that is required is missed") {
    for (const auto& option : canonical().options()) {
      if (option.need != Need::Required) continue;
      auto text = OneLine(option, "zzzzzz", "1").text;  // in its place
      CAPTURE(text);
      auto loaded = load(text);
      auto found = std::ranges::find(loaded.findings, Code::MissingKey, &Finding::code);
      REQUIRE(found != loaded.findings.end());
      CHECK(found->path.ends_with(fmt::format(".{}", option.key())));
      CHECK(found->line > 0);
    }
    CHECK(told(load("server: {}\n")) == "CQ1401@1:1");
    CHECK(told(load("services: []\n")) == "CQ1401@1:1");
    CHECK(told(load("")) == "CQ1401@0:0");
    CHECK(told(load("# nothing\n")) == "CQ1401@0:0");
    CHECK(told(load("- a\n")) == "CQ1201@1:1");
  }

  TEST_CASE("every key arrives in the model") {
    for (const auto& option : canonical().options()) {
      if (!has_range(option)) continue;
      auto before = canonical().default_of(option);
      auto amount = written(option, option.max) == before ? option.min : option.max;
      auto loaded = load(OneLine(option, option.key(), written(option, amount)).text);
      CAPTURE(option.path);
      std::uint64_t arrived = 0;
      std::visit(
          [&](auto slot) {
            auto* record = record_of(loaded.model, option);
            if constexpr (requires { slot(record); }) {
              auto& value = slot(record);
              using T = std::remove_reference_t<decltype(value)>;
              if constexpr (std::is_same_v<T, Duration>) {
                arrived = static_cast<std::uint64_t>(value / 1ms);
              } else if constexpr (std::is_integral_v<T>) {
                arrived = static_cast<std::uint64_t>(value);
              }
            }
          },
          option.slot);
      CHECK(arrived == amount);
    }
    auto loaded = load(
        "server: {trusted_proxies: [10.0.0.0/8], congestion_control: bbr, pin_workers: false, "
        "dns_servers: ['::1', 10.0.0.53:5353]}\n"
        "logging: {level: trace, format: json, output: file, path: /l, access: {enabled: false, "
        "format: "
        "combined, output: file, path: /a}}\nmetrics: {enabled: false, listen: '[::1]:1'}\n" +
        std::string(kLeast));
    REQUIRE(told(loaded).empty());
    const auto& m = loaded.model;
    CHECK(m.server.trusted_proxies == std::vector<std::string>{"10.0.0.0/8"});
    CHECK(m.server.congestion_control == "bbr");
    REQUIRE(m.server.dns_servers.size() == 2);
    CHECK(m.server.dns_servers[0].address->text() == "[::1]:53");
    CHECK(m.server.dns_servers[1].address->text() == "10.0.0.53:5353");
    CHECK_FALSE(m.server.pin_workers);
    CHECK(m.logging.level == log::Level::Trace);
    CHECK(m.logging.format == log::Format::Json);
    CHECK(m.logging.output == "file");
    CHECK(m.logging.path == "/l");
    CHECK_FALSE(m.logging.access.enabled);
    CHECK(m.logging.access.format == AccessLog::Combined);
    CHECK(m.logging.access.path == "/a");
    CHECK_FALSE(m.metrics.enabled);
    CHECK(m.metrics.listen.port == 1);
  }

  TEST_CASE("all mistakes are told in one run, in the order of the file") {
    auto loaded = load(R"(services:
  - name: a
    bind_addres: 0.0.0.0:80
    upstreams: [a:0, b:99999, 'c:1']
    tls: true
  - name: a
    bind_address: 0.0.0.0:81
    upstreams: []
timeouts: {drain: 5, nonsense: 1s}
limits: [1]
)");
    CHECK(told(loaded) ==
          "CQ1203@3:5 CQ1305@4:17 CQ1305@4:22 CQ1405@5:10 CQ1403@6:11 CQ1402@8:5 CQ1302@9:19 "
          "CQ1203@9:22 "
          "CQ1201@10:9");
  }

  TEST_CASE("two listeners on one address are an error, a more exact one is not") {
    auto binds = [](std::string_view a, std::string_view b) {
      return told(
          load(fmt::format("services:\n"
                           "  - {{name: a, upstreams: ['10.0.0.1:1'], bind_address: '{}'}}\n"
                           "  - {{name: b, upstreams: ['10.0.0.1:1'], bind_address: '{}'}}\n",
                           a, b)));
    };
    auto taken = [&](std::string_view a, std::string_view b) {
      return binds(a, b).starts_with("CQ1404@3:");
    };
    CHECK(taken("0.0.0.0:80", "0.0.0.0:80"));
    CHECK(taken("localhost:80", "127.0.0.1:80"));
    CHECK(taken("[::1]:80", "[0:0::1]:80"));
    CHECK(taken("A.example:80", "a.Example:80"));
    CHECK(taken("unix:/a", "unix:/a"));
    CHECK(binds("0.0.0.0:80", "127.0.0.1:80").empty());
    CHECK(binds("0.0.0.0:80", "[::]:80").empty());
    CHECK(binds("127.0.0.1:0", "127.0.0.1:0").empty());
    CHECK(binds("unix:/a", "unix:/b").empty());
  }

  TEST_CASE("metrics take an address as well, mentioned or not") {
    std::string text =
        "services: [{name: a, upstreams: ['10.0.0.1:1'], bind_address: '127.0.0.1:9090'}]\n";
    CHECK(told(load(text)) == "CQ1404@1:63");
    CHECK(told(load(text + "metrics: {enabled: false}\n")).empty());
    CHECK(told(load(text + "metrics: {listen: '127.0.0.1:9091'}\n")).empty());
    CHECK(told(load(text + "metrics: {listen: '127.0.0.1:9090'}\n")) == "CQ1404@2:19");
  }

  TEST_CASE("a service that is its own upstream is an error") {
    auto loop = [](std::string_view bind, std::string_view upstream) {
      return told(load(fmt::format(
                      "services: [{{name: a, bind_address: '{}', upstreams: ['{}']}}]\n", bind,
                      upstream)))
          .contains("CQ1406");
    };
    CHECK(loop("127.0.0.1:80", "127.0.0.1:80"));
    CHECK(loop("0.0.0.0:80", "127.0.0.2:80"));
    CHECK(loop("0.0.0.0:80", "localhost:80"));
    CHECK(loop("[::]:80", "[::1]:80"));
    CHECK(loop("unix:/a", "unix:/a"));
    CHECK_FALSE(loop("0.0.0.0:80", "[::1]:80"));
    CHECK_FALSE(loop("0.0.0.0:80", "10.0.0.1:80"));
    CHECK_FALSE(loop("127.0.0.1:80", "127.0.0.1:81"));
    CHECK_FALSE(loop("127.0.0.1:0", "unix:/a"));
  }

  TEST_CASE("limits and paths that contradict each other are errors") {
    auto with = [](std::string_view line) {
      return told(load(fmt::format("{}\n{}", line, kLeast)));
    };
    CHECK(with("limits: {head_bytes: 8k, field_bytes: 16k}") == "CQ1408@1:39");
    CHECK(with("limits: {head_bytes: 8k, target_bytes: 9k}") == "CQ1408@1:40");
    CHECK(with("limits: {head_bytes: 8k}").empty());
    CHECK(with("limits: {upstream_connections: 10, upstream_idle: 11}") == "CQ1408@1:51");
    CHECK(with("limits: {upstream_connections: 10}").empty());
    CHECK(with("logging: {output: file}") == "CQ1407@1:19");
    CHECK(with("logging: {access: {output: file}}") == "CQ1407@1:28");
  }

  TEST_CASE("what is allowed but doubtful is a warning, and the file is still good") {
    auto warned = [](std::string_view text) {
      auto loaded = load(text);
      CHECK(loaded.ok());
      return told(loaded);
    };
    auto with = [&](std::string_view line) { return warned(fmt::format("{}\n{}", line, kLeast)); };
    CHECK(with("metrics: {listen: '0.0.0.0:9090'}") == "CQ1501@1:19");
    CHECK(with("metrics: {listen: 'localhost:9090'}").empty());
    CHECK(with("metrics: {listen: 'unix:/run/m.sock'}").empty());
    CHECK(with("metrics: {listen: '0.0.0.0:9090', enabled: false}").empty());
    CHECK(with("server: {trusted_proxies: [10.0.0.0/8, '::/0']}") == "CQ1502@1:40");
    CHECK(with("logging: {path: /x}") == "CQ1505@1:17");
    CHECK(with("timeouts: {request_total: 10s, upstream_header: 11s}") == "CQ1506@1:49");
    CHECK(with("timeouts: {request_total: 10s}").empty());
    CHECK(warned("services: [{name: a, bind_address: 'a:1', upstreams: [b:1, c:1, B:1]}]") ==
          "CQ1504@1:65");
    CHECK(warned("services: [{name: a, bind_address: 'a:1', upstreams: [b:1], health_check: "
                 "{timeout_ms: "
                 "2000, frequency_secs: 2}}]") == "CQ1503@1:88");
  }

  TEST_CASE("keys known from other proxies lead to ours") {
    auto hint = [](std::string_view text) { return load(text).findings.front().hint; };
    auto in_service = [&](std::string_view key) {
      for (const auto& f : load(fmt::format("services: [{{{}: x}}]", key)).findings) {
        if (f.code == Code::UnknownKey) return f.hint;
      }
      return std::string();
    };
    CHECK(in_service("listen") == "did you mean 'bind_address'?");
    CHECK(in_service("bindAddress") == "did you mean 'bind_address'?");
    CHECK(in_service("backends") == "did you mean 'upstreams'?");
    CHECK(hint("worker_threads: 4\nservices: []") == "did you mean 'server.workers'?");
    CHECK(hint("workers: 4\nservices: []") == "did you mean 'server.workers'?");
    CHECK(hint("zebra: 4\nservices: []").empty());
  }

  TEST_CASE("the environment can give numbers, in quotes too") {
    auto world = [](std::string_view name) -> std::optional<std::string> {
      if (name == "N") return "3";
      return std::nullopt;
    };
    auto loaded =
        load_text("server: {workers: '${N}', backlog: \"${M:-77}\"}\n" + std::string(kLeast),
                  "t.yaml", world);
    REQUIRE(told(loaded).empty());
    CHECK(loaded.model.server.workers == 3);
    CHECK(loaded.model.server.backlog == 77);
  }

  TEST_CASE("an unset variable is one finding, not two") {
    auto loaded =
        load("services: [{name: '${X}', bind_address: '${Y}:80', upstreams: ['${Z}']}]\n");
    CHECK(told(loaded) == "CQ1101@1:19 CQ1101@1:41 CQ1101@1:64");
  }

  TEST_CASE("a mistake in an anchor is told once, however often it is used") {
    auto loaded = load(R"(services:
  - {name: a, bind_address: 'a:1', upstreams: ['x:1'], health_check: &h {timeout_ms: 1}}
  - {name: b, bind_address: 'a:2', upstreams: ['x:1'], health_check: *h}
)");
    CHECK(told(loaded) == "CQ1301@2:86");
  }

  TEST_CASE("a file that cannot be read is a finding") {
    auto missing = load_file("/nonexistent/cirque.yaml");
    REQUIRE(missing.findings.size() == 1);
    CHECK(missing.findings[0].code == Code::Unreadable);
    CHECK(missing.findings[0].message.contains("No such file"));
    CHECK_FALSE(missing.ok());
  }

  TEST_CASE("a million mistakes do not fill the memory") {
    std::string text = "services:\n";
    for (int i = 0; i < 20'000; ++i) text += fmt::format("  - x{}\n", i);
    auto loaded = load(text);
    CHECK(loaded.findings.size() == 10'001);
    CHECK(loaded.findings.back().message == "10000 more findings are not listed");
  }

  TEST_CASE("warnings beyond counting refuse nothing, and hide no error") {
    std::string text = "services: [{name: a, bind_address: '0.0.0.0:1', upstreams: [";
    for (int i = 0; i < 10'002; ++i) text += "'10.0.0.1:1', ";
    text += "]}]\n";
    auto loaded = load_text(text, "a.yaml");
    CHECK(loaded.ok());
    CHECK(loaded.findings.back().message == "1 more findings are not listed");
    loaded = load_text(text + "pools: [{name: p, backends: [none]}]\n", "a.yaml");
    CHECK_FALSE(loaded.ok());
    CHECK(std::ranges::count(loaded.findings, Code::UnknownName, &Finding::code) == 1);
  }

  TEST_CASE("of a line as long as a file, a finding keeps what is shown") {
    std::string text = R"({"services": [{"name": "\u00e9)" + std::string(9000, 'x');
    for (int i = 0; i < 300; ++i) text += "\xc3\xa9";
    text += R"(", "wrong": 1}]})";
    auto loaded = load_text(text, "a.json");
    for (const auto& f : loaded.findings) CHECK(f.source.size() <= 4096);
    auto unknown = std::ranges::find(loaded.findings, Code::UnknownKey, &Finding::code);
    REQUIRE(unknown != loaded.findings.end());
    auto shown = render(*unknown);
    auto line = shown.substr(shown.find('\n') + 1);
    auto caret = line.substr(line.find('\n') + 1);
    auto before = line.substr(0, line.find("\"wrong\""));
    auto columns = std::ranges::count_if(
        before, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    CHECK(static_cast<std::size_t>(columns) == caret.find('^'));
  }

  TEST_CASE("hosts without names are none of each other's") {
    auto loaded = load_text(
        "listeners: [{name: a, address: '127.0.0.1:8080'}, {name: b, address: '127.0.0.1:8081'}]\n"
        "virtual_hosts:\n"
        "- {hosts: ['*'], listeners: [a], routes: [{respond: {status: 200}}]}\n"
        "- {hosts: ['*'], listeners: [b], routes: [{respond: {status: 201}}]}\n",
        "t.yaml");
    INFO(render(loaded.findings));
    REQUIRE(loaded.ok());
    const auto& blueprint = *loaded.blueprint;
    CHECK(blueprint.hosts == std::vector<std::string>{"*", "*@b"});
    for (std::uint32_t i = 0; i < 2; ++i) {
      auto decision = blueprint.decide(blueprint.lanes[i], {.host = "x"}, 0);
      REQUIRE(decision.kind == Decision::Kind::Respond);
      CHECK(blueprint.responds[decision.index].status == 200 + i);
    }
  }

  TEST_CASE("not every wrong name of a large file gets a hint, which would take hours") {
    std::string text =
        "listeners: [{name: l, address: '0.0.0.0:1'}]\npools: [{name: pool1, backends: ['a:1']}]\n"
        "virtual_hosts: [{hosts: ['*'], routes: [{routing_table: t}]}]\n"
        "routing_tables:\n  - name: t\n    fallback: pool1\n    keys:\n";
    for (int i = 0; i < 150; ++i) text += fmt::format("      k{}: pool2\n", i);
    auto loaded = load_text(text, "a.yaml");
    CHECK(std::ranges::count(loaded.findings, Code::UnknownName, &Finding::code) == 150);
    CHECK(std::ranges::count(loaded.findings, "did you mean 'pool1'?", &Finding::hint) == 100);
  }
}

}  // namespace
}  // namespace cirque::config
