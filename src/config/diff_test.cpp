#include "config/diff.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "config/load.h"
#include "config/lower.h"
#include "config/sample_trees.h"

namespace cirque::config {
namespace {

using Amount = SampleTrees::Amount;

Model model(std::string_view text) {
  auto loaded = load_text(text, "t.yaml", [](std::string_view) { return std::nullopt; });
  REQUIRE_MESSAGE(loaded.ok(), render(loaded.findings));
  return std::move(loaded.model);
}

std::string told(const Model& before, const Model& after) {
  return render(diff(before, after), after);
}

std::string told(std::string_view before, std::string_view after) {
  return told(model(before), model(after));
}

constexpr std::string_view kShop = R"(
listeners:
  - {name: web, address: '0.0.0.0:80'}
  - {name: admin, address: '127.0.0.1:81'}
virtual_hosts:
  - name: shop
    hosts: [shop.example.com]
    routes:
      - {name: api, path_prefix: /api, pool: web-a}
      - {path: /login, methods: [GET], pool: web-a}
      - {path: /login, methods: [POST], pool: web-b}
      - {split: [{pool: web-a, weight: 9}, {pool: web-b}]}
pools:
  - {name: web-a, backends: ['10.0.0.1:80', '10.0.0.2:80']}
  - {name: web-b, backends: ['10.0.0.4:80']}
)";

// The text with `was` replaced, which must stand there.
std::string with(std::string_view was, std::string_view is, std::string_view text = kShop) {
  std::string out(text);
  auto at = out.find(was);
  REQUIRE(at != out.npos);
  return out.replace(at, was.size(), is);
}

// Without the line of what is unchanged.
std::string changes(std::string_view after) {
  auto text = told(kShop, after);
  return text.substr(0, text.find("unchanged:"));
}

// What the option has in the first item of every list on the way.
DraftNode& node_at(DraftNode& tree, const Option& option) {
  auto* node = &tree;
  std::string_view rest = option.path;
  while (true) {
    auto key = rest.substr(0, rest.find_first_of(".[{"));
    auto found = std::ranges::find(node->entries, key, &DraftEntry::key);
    REQUIRE(found != node->entries.end());
    node = &found->value;
    rest.remove_prefix(key.size());
    if (rest.empty()) return *node;
    if (rest.starts_with("[]")) node = &node->items.front();
    if (rest.starts_with("{}")) node = &node->entries.front().value;
    rest.remove_prefix(rest.find('.') + 1);
  }
}

// Of a choice between one thing and nothing.
void leave_out(DraftNode& tree, const Option& option) {
  auto list = option.parent();
  list.remove_suffix(std::string_view("[]").size());
  Option parent = option;
  parent.path = list;
  std::erase_if(node_at(tree, parent).items.front().entries,
                [&](auto& e) { return e.key == option.key(); });
}

// In no other order, too.
bool is_other(const DraftNode& one, const DraftNode& other) {
  auto parts = [](const DraftNode& node) {
    std::vector<std::string> texts = {node.text};
    for (const auto& item : node.items) texts.push_back(print(item, Language::Json));
    for (const auto& entry : node.entries) {
      texts.push_back(quoted(entry.key, Language::Json) + print(entry.value, Language::Json));
    }
    std::ranges::sort(texts);
    return texts;
  };
  return parts(one) != parts(other);
}

TEST_SUITE("config") {
  TEST_CASE("a model does not differ from itself, nor from what has only moved") {
    for (unsigned seed = 0; seed < 100; ++seed) {
      auto one = model_of(SampleTrees(seed).map("", Amount::Some));
      CHECK(diff(one, one).empty());
      auto moved = one;
      std::ranges::reverse(moved.listeners);
      std::ranges::reverse(moved.virtual_hosts);
      std::ranges::reverse(moved.pools);
      std::ranges::reverse(moved.backends);
      std::ranges::reverse(moved.routing_tables);
      std::ranges::reverse(moved.tests);
      std::ranges::reverse(moved.server.trusted_proxies);
      CAPTURE(told(one, moved));
      CHECK(diff(one, moved).empty());
    }
  }

  TEST_CASE("whichever single option of the table is changed, that is told") {
    SampleTrees trees(7);
    std::size_t walked = 0;
    for (const auto& option : canonical().options()) {
      if (option.type == Type::Map || option.type == Type::Include) continue;
      // Nothing can be loaded that has it, so nothing stands for it.
      if (option.path == "services[].tls") continue;
      auto tree = trees.map("", Amount::All);
      auto other = tree;
      if (option.type == Type::Choice && words_of(option.choices).size() == 1) {
        leave_out(other, option);
      } else {
        auto& node = node_at(other, option);
        auto before = node;
        while (!is_other(node, before)) node = trees.value(option);
      }
      CAPTURE(option.path);
      auto was = model_of(tree);
      auto is = model_of(other);
      auto changes = diff(was, is);
      CHECK_FALSE(changes.empty());
      CHECK_FALSE(diff(is, was).empty());
      CHECK(render(changes, is).find('\n') > 0);
      ++walked;
    }
    CHECK(walked > 100);
  }

  TEST_CASE("a value is told as a file would have it") {
    CHECK(changes(fmt::format("timeouts: {{drain: 60s}}\n{}", kShop)) ==
          "timeouts.drain: 30s → 1m\n");
    CHECK(changes(fmt::format("limits: {{head_bytes: 64k}}\n{}", kShop)) ==
          "limits.head_bytes: 32k → 64k\n");
    CHECK(changes(fmt::format("server: {{congestion_control: bbr}}\n{}", kShop)) ==
          "server.congestion_control: not given → bbr\n");
    CHECK(changes(fmt::format("server: {{trusted_proxies: [10.0.0.0/8, '::1']}}\n{}", kShop)) ==
          "server.trusted_proxies: + 10.0.0.0/8, + ::1\n");
  }

  TEST_CASE("items of lists are told by their names") {
    CHECK(changes(with("/api, pool: web-a", "/api, pool: web-b")) ==
          "virtual host shop: route api: pool web-a → web-b\n");
    CHECK(changes(with("'10.0.0.1:80', '10.0.0.2:80'", "'10.0.0.2:80', '10.0.0.3:80'")) ==
          "pool web-a: backends + 10.0.0.3:80, - 10.0.0.1:80\n");
    CHECK(changes(with("weight: 9", "weight: 8")) ==
          "virtual host shop: route #4: share web-a: weight 9 → 8\n");
    CHECK(changes(with("pool: web-b}\n      - {split", "pool: web-a}\n      - {split")) ==
          "virtual host shop: route /login#3: pool web-b → web-a\n");
    CHECK(changes(with("/api, pool: web-a", "/api, redirect: {path: /new}")) ==
          "virtual host shop: route api: pool web-a → not given\n"
          "virtual host shop: route api: redirect.path not given → /new\n");
    CHECK(changes(with("name: web-b, ", "name: web-b, health_check: {interval: 9s}, ")) ==
          "pool web-b: health_check.interval 10s → 9s\n");
    auto checked = [&](std::string_view keys) {
      return with("name: web-b, ",
                  fmt::format("name: web-b, health_check: {{path: /up, {}}}, ", keys));
    };
    CHECK(told(checked("statuses: [2xx, 301], headers: {X-A: '1'}"),
               checked("statuses: [2xx, 404], headers: {X-A: '2'}, method: HEAD, host: a.b")) ==
          "pool web-b: health_check.method GET → HEAD\n"
          "pool web-b: health_check.host not given → a.b\n"
          "pool web-b: health_check.headers + X-A: 2, - X-A: 1\n"
          "pool web-b: health_check.statuses + 404, - 301\n"
          "unchanged: 2 listeners, 1 virtual host, 1 pool\n");
  }

  TEST_CASE("an item that comes or goes is told with what it says") {
    constexpr std::string_view kAdmin = "  - {name: admin, address: '127.0.0.1:81'}\n";
    auto without = with(kAdmin, "");
    CHECK(changes(without) == "listener admin: removed (127.0.0.1:81)\n");
    CHECK(told(without, kShop) ==
          "listener admin: added (127.0.0.1:81)\nunchanged: 1 listener, 1 virtual host, 2 pools\n");
    CHECK(changes(fmt::format("{}  - {{name: new, backends: ['a:1', 'b:1'], health_check: "
                              "{{timeout: 1s}}}}\n",
                              kShop)) ==
          "pool new: added (backends a:1, b:1; health_check.timeout 1s)\n");
    CHECK(changes(with("pools:\n", R"(  - name: blog
    hosts: [blog.example.com, '*.blog.example.com']
    routes: [{pool: web-a}]
pools:
)")) == "virtual host blog: added (hosts blog.example.com, *.blog.example.com; 1 route)\n");
    CHECK(changes(with("      - {name: api",
                       "      - {name: old, path: /old, pool: web-a}\n"
                       "      - {name: api")) ==
          "virtual host shop: route old: added (path /old; pool web-a)\n");
  }

  TEST_CASE("a route that changes its place is told, as it may now be the first of its equals") {
    constexpr std::string_view kApi = "      - {name: api, path_prefix: /api, pool: web-a}\n";
    auto moved = with("pools:\n", fmt::format("{}pools:\n", kApi), with(kApi, ""));
    CHECK(changes(moved) ==
          "virtual host shop: routes in another order: /login#1, /login#2, #3, api\n");
    CHECK(told(kShop, moved).ends_with("unchanged: 2 listeners, 2 pools\n"));
    CHECK(changes(with(kApi, fmt::format("      - {{path: /first, pool: web-b}}\n{}", kApi)))
              .starts_with("virtual host shop: route /first: added"));
    auto before = model(kShop);
    auto after = model(moved);
    CHECK(render_json(diff(before, after), after).contains(R"("kind": "moved")"));
  }

  TEST_CASE("of values in a list the order is told where it counts") {
    auto site = [](std::string_view servers, std::string_view methods) {
      return fmt::format("{}server: {{dns_servers: [{}]}}\nrate_limits: [{}]\n", kShop, servers,
                         methods);
    };
    constexpr std::string_view kLimit = "{name: l, requests: 1, key: [address, host]}";
    constexpr std::string_view kOther = "{name: l, requests: 1, key: [host, address]}";
    CHECK(told(site("10.0.0.1, 10.0.0.2", kLimit), site("10.0.0.2, 10.0.0.1", kOther))
              .starts_with("server.dns_servers: in another order: 10.0.0.2, 10.0.0.1\nunchanged"));
  }

  TEST_CASE("services are what they stand for") {
    constexpr std::string_view kService =
        "services: [{name: web, bind_address: '127.0.0.1:80', upstreams: ['a:1']}]\n";
    constexpr std::string_view kAtLength = R"(
listeners: [{name: web, address: '127.0.0.1:80'}]
virtual_hosts: [{name: web, hosts: ['*'], listeners: [web], routes: [{pool: web}]}]
pools:
  - name: web
    backends: ['a:1']
    health_check: {timeout: 500ms, interval: 5s, unhealthy_threshold: 1, healthy_threshold: 1}
)";
    CHECK(told(kService, kAtLength) == "unchanged: 1 listener, 1 virtual host, 1 pool\n");
    CHECK(told(kService, with("a:1", "b:1", kService)) ==
          "pool web: backends + b:1, - a:1\nunchanged: 1 listener, 1 virtual host\n");
    CHECK(told(kService, with("127.0.0.1:80", "127.0.0.1:81", kService)) ==
          "listener web: address 127.0.0.1:80 → 127.0.0.1:81\n"
          "unchanged: 1 virtual host, 1 pool\n");
  }

  TEST_CASE("the entries of a table are told one by one") {
    constexpr std::string_view kTable = R"(
listeners: [{name: web, address: '127.0.0.1:80'}]
virtual_hosts: [{hosts: ['*'], routes: [{routing_table: cells}]}]
pools: [{name: a, backends: ['a:1']}, {name: b, backends: ['b:1']}]
routing_tables: [{name: cells, keys: {acme: a, globex: a, 'with space': b}, default: b}]
)";
    CHECK(told(kTable, with("acme: a", "acme: b", kTable)) ==
          "routing table cells: keys + acme: b, - acme: a\n"
          "unchanged: 1 listener, 1 virtual host, 2 pools\n");
    CHECK(told(kTable, with(", 'with space': b", "", kTable))
              .starts_with("routing table cells: keys - \"with space\": b\n"));
  }

  TEST_CASE("long lists and texts are told in part, and wholly to programs") {
    std::string many;
    for (int i = 0; i < 30; ++i) many += fmt::format(", 'b{}:1'", i);
    auto after = model(with("'10.0.0.4:80'", "'10.0.0.4:80'" + many));
    auto changed = diff(model(kShop), after);
    CHECK(render(changed, after).contains(", + 20 more\n"));
    CHECK(render_json(changed, after).contains("\"b29:1\""));
  }

  TEST_CASE("programs are told the same") {
    auto before = model(kShop);
    auto after = model(with("web-a, backends: ['10.0.0.1:80', ", "web-a, backends: [",
                            with("/api, pool: web-a", "/api, pool: web-b")) +
                       "timeouts: {drain: 60s}\n");
    CHECK(render_json(diff(before, after), after) == R"({
  "changes": [
    {
      "kind": "changed",
      "at": [
        {
          "list": "virtual_hosts",
          "name": "shop"
        },
        {
          "list": "routes",
          "name": "api"
        }
      ],
      "key": "pool",
      "before": "web-a",
      "after": "web-b"
    },
    {
      "kind": "changed",
      "at": [
        {
          "list": "pools",
          "name": "web-a"
        }
      ],
      "key": "backends",
      "removed": ["10.0.0.1:80"],
      "added": []
    },
    {
      "kind": "changed",
      "at": [],
      "key": "timeouts.drain",
      "before": "30s",
      "after": "1m"
    }
  ],
  "unchanged": {
    "listeners": 2,
    "pools": 1
  }
}
)");
    CHECK(render_json(diff(model(with(", '10.0.0.2:80'", "")), before), before)
              .contains("\"added\": [\"10.0.0.2:80\"]"));
  }
}

}  // namespace
}  // namespace cirque::config
