// A million random requests to generated configurations: what an explanation says is what the
// workers' decision is, and both are what the generator wrote for the route that is named.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "config/explain.h"
#include "config/load.h"

namespace cirque::config {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CIRQUE_SLOW_BUILD
#endif
#endif
#if defined(CIRQUE_SLOW_BUILD) || !defined(NDEBUG)
constexpr unsigned kConfigurations = 25;  // these builds look for crashes, not for rare cases
#else
constexpr unsigned kConfigurations = 500;
#endif
constexpr unsigned kRequests = 2000;  // to each
constexpr unsigned kTextEvery = 4;    // explain_text() says all of it and takes its time

using Words = std::vector<std::string>;

// Where a route leads, as the generator wrote it.
struct Leads {
  enum class Kind : std::uint8_t { Pools, Table, Answer } kind = Kind::Answer;
  std::set<std::string> pools;  // more than one: a split
  std::string table;
  std::string status;  // of Answer
};

struct MadeRoute {
  std::string name;
  std::string text;  // JSON, without the braces
  Leads leads;
};

struct MadeHost {
  std::string name;
  Words hosts;
  Words listeners;  // empty: all
  std::vector<MadeRoute> routes;
};

std::string quoted(const Words& words) {
  return words.empty() ? "" : fmt::format("\"{}\"", fmt::join(words, "\",\""));
}

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    Words names = {"a.x", "b.x", "*.x", "*.b.x", "x", "*", "10.0.0.1", "[::1]"};
    hosts_.resize(2 + below(3));
    for (std::size_t i = 0; i < hosts_.size(); ++i) hosts_[i].name = fmt::format("h{}", i);
    for (const auto& name : names) {
      if (below(5) != 0) hosts_[below(hosts_.size())].hosts.push_back(name);
    }
    std::erase_if(hosts_, [](const MadeHost& host) { return host.hosts.empty(); });
    for (auto& host : hosts_) {
      if (below(3) == 0) host.listeners = {pick({"web", "lan", "alt"})};
      host.routes.resize(1 + below(14));
      for (std::size_t i = 0; i < host.routes.size(); ++i) {
        host.routes[i] = some_route(fmt::format("r{}", i));
      }
    }
  }

  // Without the routes that can never be reached: a configuration may not have any.
  Loaded load() {
    while (true) {
      auto loaded = load_text(text(), "t.json", [](std::string_view) { return std::nullopt; });
      if (loaded.ok()) return loaded;
      for (const auto& finding : loaded.findings) {
        if (finding.severity == Severity::Warning) continue;
        std::size_t host = 0;
        std::size_t route = 0;
        auto is_route =
            std::sscanf(finding.path.c_str(), "virtual_hosts[%zu].routes[%zu]", &host, &route) == 2;
        REQUIRE_MESSAGE((finding.code == Code::DeadRoute && is_route), render(loaded.findings));
        dead_.emplace_back(host, hosts_[host].routes[route].name);
      }
      bury();
    }
  }

  Asked request() {
    Asked asked{.method = pick({"GET", "GET", "POST", "PURGE"}),
                .url = fmt::format("http://{}{}{}",
                                   pick({"a.x", "A.X:80", "b.x.", "c.x", "c.b.x", "d.a.b.x", "x",
                                         "y", "10.0.0.1", "[0::1]:1"}),
                                   some_path(), some_query()),
                .headers = {},
                .from = fmt::format("10.0.0.{}", below(4))};
    for (auto name : {"X", "y", "Z"}) {
      if (below(3) == 0) asked.headers.push_back({name, pick({"a", "b", "ab", "abd"})});
    }
    add_hop(asked);
    if (below(2) == 0) asked.headers.push_back({"X-Key", pick({"k1", "k2", "K1", "other", ""})});
    if (below(3) == 0) {
      asked.headers.push_back(
          {"Cookie", fmt::format("z=1; {}={}", pick({"x", "y"}), pick({"a", "b", "ab", "abd"}))});
    }
    return asked;
  }

  const Leads* leads(const std::string& host, const std::string& route) const {
    for (const auto& h : hosts_) {
      if (h.name != host) continue;
      for (const auto& r : h.routes) {
        if (r.name == route) return &r.leads;
      }
    }
    return nullptr;
  }

  // The pool that the table has for a key.
  static std::string pool_of(std::string_view table, std::string_view key) {
    if (key == "k1") return table == "t1" ? "p1" : "p2";
    return key == "k2" ? "p3" : "p0";
  }

  std::size_t below(std::size_t end) { return random_.next() % end; }

  std::uint64_t chance() { return random_.next(); }

  std::string pick(const Words& words) { return words[below(words.size())]; }

 private:
  void bury() {
    for (const auto& [host, name] : dead_) {
      std::erase_if(hosts_[host].routes, [&](const MadeRoute& r) { return r.name == name; });
    }
    dead_.clear();
    for (auto& host : hosts_) {
      if (host.routes.empty()) host.routes.push_back(some_route("last"));
    }
  }

  std::string text() const {
    Words hosts;
    for (const auto& host : hosts_) {
      Words routes;
      for (const auto& route : host.routes) {
        routes.push_back(fmt::format(R"({{"name":"{}"{}}})", route.name, route.text));
      }
      auto on = host.listeners.empty()
                    ? std::string()
                    : fmt::format(R"("listeners":[{}],)", quoted(host.listeners));
      hosts.push_back(fmt::format(R"({{"name":"{}",{}"hosts":[{}],"routes":[{}]}})", host.name, on,
                                  quoted(host.hosts), fmt::join(routes, ",")));
    }
    Words pools;
    for (int i = 0; i < 4; ++i) {
      pools.push_back(fmt::format(R"({{"name":"p{0}","backends":["10.1.0.{0}:80"]}})", i));
    }
    return fmt::format(R"({{
"listeners":[{{"name":"web","address":"127.0.0.1:81"}},{{"name":"lan","address":"127.0.0.1:82"}},
             {{"name":"alt","address":"127.0.0.1:83"}}],
"backends":[{{"id":"one","address":"10.1.1.1:80","tags":["a","b"]}},
            {{"id":"two","address":"10.1.1.2:80","tags":["b"]}}],
"routing_tables":[
  {{"name":"t1","header":"X-Key","keys":{{"k1":"p1","k2":"p3"}},"default":"p0"}},
  {{"name":"t2","header":"X-Key","keys":{{"k1":"p2","k2":"p3"}},"default":"p0","tiers":["p2"]}}],
"pools":[{}],"virtual_hosts":[{}]}})",
                       fmt::join(pools, ","), fmt::join(hosts, ","));
  }

  MadeRoute some_route(std::string name) {
    MadeRoute route{.name = std::move(name), .text = {}, .leads = {}};
    auto& text = route.text;
    switch (below(6)) {
      case 0:
        text += fmt::format(R"(,"path":"{}")", some_path());
        break;
      case 1:
        text += fmt::format(R"(,"path_prefix":"{}")", some_path());
        break;
      case 2:
      case 3:
        text += fmt::format(R"(,"path_pattern":"{}{}")", some_segments({"a", "b", "{n}", "*"}),
                            pick({"", "/", "/**"}));
        break;
      case 4:
        text += fmt::format(R"(,"path_regex":"{}")", pick({"/a.*", ".*b", "/[ab]/c", "/a(/.*)?"}));
        break;
      default:
        break;
    }
    if (below(6) == 0) text += below(2) == 0 ? R"(,"methods":["GET"])" : R"(,"methods":["POST"])";
    if (below(8) == 0) {
      text += fmt::format(R"(,"sources":["{}"])", pick({"10.0.0.0/31", "10.0.0.2", "::1"}));
    }
    for (auto list : {"headers", "query", "cookies"}) {
      if (below(7) != 0) continue;
      auto field = list == std::string_view("headers")
                       ? pick({"x", "y", "Upgrade", "Connection", "te"})
                       : pick({"x", "y"});
      text += fmt::format(R"(,"{}":[{{"name":"{}"{}}}])", list, field,
                          pick({"", R"(,"value":"a")", R"(,"prefix":"ab")", R"(,"regex":"[ab]+")",
                                R"(,"present":false)"}));
    }
    lead_somewhere(route);
    return route;
  }

  void lead_somewhere(MadeRoute& route) {
    using Kind = Leads::Kind;
    auto status = [&](std::size_t number) { route.leads.status = fmt::format("{}", number); };
    switch (below(7)) {
      case 0: {
        auto tag = pick({"a", "b"});
        route.leads = {Kind::Pools, {"tag:" + tag}, {}, {}};
        route.text += fmt::format(R"(,"tag":"{}")", tag);
        break;
      }
      case 1:
        route.leads = {Kind::Pools, {"p1", "p2", "tag:a"}, {}, {}};
        route.text += R"(,"split":[{"pool":"p1","weight":2},{"pool":"p2"},{"tag":"a"}])";
        break;
      case 2:
        route.leads = {Kind::Table, {}, pick({"t1", "t2"}), {}};
        route.text += fmt::format(R"(,"routing_table":"{}")", route.leads.table);
        break;
      case 3: {
        auto number = std::array<std::size_t, 5>{301, 302, 303, 307, 308}[below(5)];
        status(number);
        route.text += fmt::format(R"(,"redirect":{{"path":"/new","status":{}}})", number);
        break;
      }
      case 4: {
        auto number = 400 + below(150);
        status(number);
        route.text += fmt::format(R"(,"respond":{{"status":{}}})", number);
        break;
      }
      default: {
        auto pool = fmt::format("p{}", below(4));
        route.leads = {Kind::Pools, {pool}, {}, {}};
        route.text += fmt::format(R"(,"pool":"{}")", pool);
      }
    }
  }

  std::string some_segments(const Words& words) {
    std::string path;
    for (std::size_t i = 1 + below(3); i > 0; --i) path += "/" + pick(words);
    // Of one name there may be one.
    for (auto at = path.find("{n}"); at != path.npos; at = path.find("{n}", at)) {
      path.replace(at, 3, fmt::format("{{n{}}}", at));
    }
    return path;
  }

  std::string some_path() {
    if (below(20) == 0) return "/";
    return some_segments({"a", "b", "c", "ab"}) + (below(5) == 0 ? "/" : "");
  }

  // What is for the proxy alone, and may take other fields with it.
  void add_hop(Asked& asked) {
    if (below(4) != 0) return;
    asked.headers.push_back({"Connection", pick({"upgrade", "x, upgrade", "Y", "te, keep-alive"})});
    for (auto name :
         {"Upgrade", "TE", "Keep-Alive", "X-Cirque-Explain", "x_key", "X-Forwarded-For"})
      if (below(2) == 0) asked.headers.push_back({name, pick({"a", "b", "ab", "10.0.0.1"})});
  }

  std::string some_query() {
    if (below(2) == 0) return {};
    return fmt::format("?{}={}", pick({"x", "y", "z"}), pick({"a", "b", "%61b", "abd"}));
  }

  base::Random random_;
  std::vector<MadeHost> hosts_;
  std::vector<std::pair<std::size_t, std::string>> dead_;
};

using Told = std::map<std::string, std::string, std::less<>>;

// "a=b; c=d"
Told parts_of(std::string_view line) {
  Told told;
  while (!line.empty()) {
    auto part = line.substr(0, line.find("; "));
    line.remove_prefix(std::min(line.size(), part.size() + 2));
    auto equals = part.find('=');
    told.emplace(part.substr(0, equals), part.substr(equals + 1));
  }
  return told;
}

std::string in(const Told& told, std::string_view key) {
  auto found = told.find(key);
  return found == told.end() ? std::string() : found->second;
}

// One request: the line, the text and the decision, each compared with the others.
class Trial {
 public:
  Trial(const World& world, const Loaded& loaded, const LanePlan& lane, const Question& question)
      : world_(world),
        loaded_(loaded),
        plan_(*loaded.blueprint),
        lane_(lane),
        question_(question),
        facts_(question.facts()),
        line_(explain_line(plan_, lane, plan_.decide(lane, facts_, 0))),
        told_(parts_of(line_)) {}

  // "": they agree; or what does not.
  std::string line_against(std::uint64_t random) const {
    auto decision = plan_.decide(lane_, facts_, random);
    if (in(told_, "listener") != lane_.name) return "listener";
    auto route = in(told_, "route");
    if (route.empty()) return miss_against(decision);
    if (!decision.route) return "a route where there is none";
    auto host = in(told_, "virtual_host");
    if (decision.route->label != host + "/" + route) return "route";
    const auto* leads = world_.leads(host, route);
    if (!leads) return "a route that nobody wrote";
    switch (leads->kind) {
      case Leads::Kind::Answer:
        return in(told_, "status") == leads->status && status_of(decision) == leads->status &&
                       in(told_, "reason").empty() && in(told_, "pool").empty()
                   ? ""
                   : "answer";
      case Leads::Kind::Table:
        return table_against(*leads, decision);
      case Leads::Kind::Pools:
        return leads->pools.contains(in(told_, "pool")) && in(told_, "status").empty() &&
                       decision.kind == Decision::Kind::Forward &&
                       leads->pools.contains(pool_of(decision))
                   ? ""
                   : "pool";
    }
    return "";
  }

  std::string text() const {
    return explain_text(loaded_.model, plan_, question_, {.listener = lane_.name, .look = {}});
  }

  std::string text_against_line(const std::string& text) const {
    auto route = in(told_, "route");
    bool names_route = route.empty()
                           ? !text.contains("\n  takes it ")
                           : text.contains(fmt::format("\n{:<14} {} (", "  takes it", route));
    if (!names_route) return "the text names another route";
    auto has = [&](std::string_view key, const std::string& outcome) {
      return text.contains(fmt::format("\n{:<14} {}", key, outcome));
    };
    if (auto pool = in(told_, "pool"); !pool.empty()) {
      bool is_there = has("outcome", "pool " + pool + "\n") ||
                      (has("outcome", "one of several pools") && has("  pool", pool + " (weight "));
      return is_there ? "" : "the text has another pool";
    }
    auto status = in(told_, "status");
    auto reason = in(told_, "reason");
    bool is_there = has("outcome", fmt::format("redirect with {} to ", status)) ||
                    has("outcome", fmt::format("answered here with {}{}{}\n", status,
                                               reason.empty() ? "" : ": ", reason));
    return is_there ? "" : "the text has another status";
  }

  bool is_hit() const { return told_.contains("route"); }

  const std::string& said() const { return line_; }

 private:
  std::string miss_against(const Decision& decision) const {
    bool is_host = in(told_, "virtual_host") != "none";
    auto kind = is_host ? Decision::Kind::NoRoute : Decision::Kind::NoHost;
    auto reason = is_host ? "no_route" : "no_virtual_host";
    bool agrees = !decision.route && decision.kind == kind && in(told_, "status") == "404" &&
                  in(told_, "reason") == reason && status_of(decision) == "404";
    return agrees ? "" : "miss";
  }

  std::string table_against(const Leads& leads, const Decision& decision) const {
    if (in(told_, "table") != leads.table || decision.table->name != leads.table) return "table";
    auto key = facts_.headers->get("X-Key");
    if (key.empty()) {
      bool agrees = in(told_, "status") == "400" && in(told_, "reason") == "routing_key_missing" &&
                    decision.kind == Decision::Kind::NoKey && status_of(decision) == "400";
      return agrees ? "" : "missing key";
    }
    auto pool = World::pool_of(leads.table, key);
    bool is_known = key == "k1" || key == "k2";
    bool agrees = in(told_, "pool") == pool && pool_of(decision) == pool &&
                  in(told_, "key") == (is_known ? "known" : "unknown") &&
                  decision.kind == Decision::Kind::Forward && decision.key_known == is_known;
    return agrees ? "" : "key";
  }

  std::string status_of(const Decision& decision) const {
    return fmt::format("{}", plan_.refusal(decision).status);
  }

  std::string pool_of(const Decision& decision) const { return plan_.pools[decision.index].name; }

  const World& world_;
  const Loaded& loaded_;
  const Blueprint& plan_;
  const LanePlan& lane_;
  const Question& question_;
  route::Facts facts_;
  std::string line_;
  Told told_;
};

}  // namespace

TEST_SUITE("config") {
  TEST_CASE("a million explanations are what the workers decide, in generated configurations") {
    unsigned wrong = 0;
    unsigned hits = 0;
    unsigned asked = 0;
    for (std::uint64_t seed = 0; seed < kConfigurations; ++seed) {
      World world(seed);
      auto loaded = world.load();
      for (unsigned i = 0; i < kRequests; ++i, ++asked) {
        auto request = world.request();
        auto question = Question::of(request);
        REQUIRE(question);
        const auto& lanes = loaded.blueprint->lanes;
        Trial trial(world, loaded, lanes[world.below(lanes.size())], **question);
        auto why = trial.line_against(0);
        if (why.empty()) why = trial.line_against(world.chance());
        if (why.empty() && i % kTextEvery == 0) why = trial.text_against_line(trial.text());
        hits += trial.is_hit();
        if (why.empty() || ++wrong > 5) continue;
        MESSAGE("seed " << seed << ", request " << i << ": " << request.method << " " << request.url
                        << ": " << why << ": " << trial.said());
      }
    }
    CHECK(wrong == 0);
    CHECK(asked == kConfigurations * kRequests);
    // The test is worth something only while hits and misses are both common.
    CHECK(hits > asked / 5);
    CHECK(hits < asked * 9 / 10);
  }
}

}  // namespace cirque::config
