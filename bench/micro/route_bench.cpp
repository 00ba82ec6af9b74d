// What a look-up in the router costs, and how that grows from ten entries to a hundred thousand:
// nanoseconds and bytes an entry, and the time to compile.
//
//   cmake --preset release -DCIRQUE_MICRO=ON && cmake --build --preset release --target route_bench
//   build/release/route_bench
//
// "hot" asks for the same ten entries whatever the size of the table: what the size alone costs.
// "spread" asks for all of them in random order, so that caches and their misses are in the figure.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "route/key_table.h"
#include "route/router.h"

using namespace cirque;
using namespace cirque::route;

namespace {

constexpr std::size_t kSmall = 10;
constexpr std::size_t kLarge = 100'000;
constexpr std::size_t kAsked = 1 << 16;  // a row of requests, the same for every round
constexpr int kRounds = 21;

double ns_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

// The best of all rounds: what disturbs a round only makes it slower.
template <class LookUp>
double best_ns(const std::vector<std::string>& asked, LookUp look_up) {
  double best = 1e9;
  std::uint64_t sum = 0;
  for (int round = 0; round < kRounds; ++round) {
    auto begin = std::chrono::steady_clock::now();
    for (const auto& one : asked) sum += look_up(one);
    best = std::min(best, ns_since(begin) / static_cast<double>(asked.size()));
  }
  asm volatile("" : : "r"(sum));
  return best;
}

// kAsked of the first `among` entries in random order, side by side in memory as requests are.
std::vector<std::string> requests(const std::function<std::string(std::size_t)>& name,
                                  std::size_t among) {
  base::Random random(1);
  std::vector<std::string> asked;
  for (std::size_t i = 0; i < kAsked; ++i) asked.push_back(name(random.next() % among));
  return asked;
}

struct Built {
  std::function<double(const std::vector<std::string>&)> ask;  // nanoseconds a look-up
  double compile_ms;
  double bytes;
};

struct Subject {
  const char* title;
  std::function<std::string(std::size_t)> name;
  std::function<Built(std::size_t entries)> build;
};

void measure(const Subject& subject) {
  Built small = subject.build(kSmall);
  Built large = subject.build(kLarge);
  auto hot = requests(subject.name, kSmall);
  auto spread = requests(subject.name, kLarge);
  double ten = small.ask(hot);
  double many = large.ask(hot);
  double all = large.ask(spread);
  fmt::print("{:<34} {:8.1f} {:8.1f} {:+7.1f}% {:9.1f} {:8.0f} {:10.0f}\n", subject.title, ten,
             many, (many / ten - 1) * 100, all, large.bytes / kLarge, large.compile_ms);
}

Built built_router(std::vector<VirtualHostSpec> hosts, bool asks_host) {
  auto begin = std::chrono::steady_clock::now();
  std::shared_ptr<const Router> router = Router::compile(hosts).router;
  double compile_ms = ns_since(begin) / 1e6;
  auto ask = [router, asks_host](const std::vector<std::string>& asked) {
    return best_ns(asked, [&](const std::string& text) {
      Facts facts{.host = "www.example.com", .path = "/"};
      (asks_host ? facts.host : facts.path) = text;
      return router->match(facts).target;
    });
  };
  return {ask, compile_ms, static_cast<double>(router->bytes())};
}

std::string host_name(std::size_t i) {
  return fmt::format("shop-{}.customers.example.com", 100'000 + i);
}

Built hosts(std::size_t entries) {
  std::vector<VirtualHostSpec> specs(entries);
  for (std::uint32_t i = 0; i < entries; ++i) {
    specs[i].names = {host_name(i)};
    specs[i].routes = {{.path = {PathKind::Prefix, "/"}, .target = i}};
  }
  return built_router(std::move(specs), true);
}

std::string wildcard_request(std::size_t i) {
  return "www." + host_name(i);
}

Built wildcards(std::size_t entries) {
  std::vector<VirtualHostSpec> specs(entries);
  for (std::uint32_t i = 0; i < entries; ++i) {
    specs[i].names = {"*." + host_name(i)};
    specs[i].routes = {{.path = {PathKind::Prefix, "/"}, .target = i}};
  }
  return built_router(std::move(specs), true);
}

Built one_host(PathKind kind, const std::function<std::string(std::size_t)>& path,
               std::size_t entries) {
  std::vector<VirtualHostSpec> specs(1);
  specs[0].names = {"*"};
  for (std::uint32_t i = 0; i < entries; ++i) {
    specs[0].routes.push_back({.path = {kind, path(i)}, .target = i});
  }
  return built_router(std::move(specs), false);
}

std::string exact_path(std::size_t i) {
  return fmt::format("/catalogue/products/{}", 100'000 + i);
}

std::string prefix_path(std::size_t i) {
  return fmt::format("/tenants/t{}", 100'000 + i);
}

std::string pattern_path(std::size_t i) {
  return fmt::format("/api/s{}/{{id}}/items", 100'000 + i);
}

std::string key_name(std::size_t i) {
  return fmt::format("customer-{}", 100'000 + i);
}

Built keys(std::size_t entries) {
  std::vector<KeySpec> specs;
  for (std::uint32_t i = 0; i < entries; ++i) specs.push_back({key_name(i), i});
  auto begin = std::chrono::steady_clock::now();
  auto table = std::make_shared<KeyTable>(*KeyTable::compile(specs, 0));
  double compile_ms = ns_since(begin) / 1e6;
  auto ask = [table](const std::vector<std::string>& asked) {
    return best_ns(asked, [&](const std::string& key) { return table->find(key)->target; });
  };
  return {ask, compile_ms, static_cast<double>(table->bytes())};
}

}  // namespace

int main() {
  fmt::print("{:<34} {:>8} {:>8} {:>8} {:>9} {:>8} {:>10}\n", "ns a look-up", "of 10", "of 100k",
             "hot", "spread", "bytes", "compile ms");
  const std::vector<Subject> subjects = {
      {"hosts", host_name, hosts},
      {"wildcard hosts", wildcard_request, wildcards},
      {"exact paths", exact_path,
       [](std::size_t n) { return one_host(PathKind::Exact, exact_path, n); }},
      {"prefixes", [](std::size_t i) { return prefix_path(i) + "/orders/7"; },
       [](std::size_t n) { return one_host(PathKind::Prefix, prefix_path, n); }},
      {"patterns", [](std::size_t i) { return fmt::format("/api/s{}/7/items", 100'000 + i); },
       [](std::size_t n) { return one_host(PathKind::Pattern, pattern_path, n); }},
      {"routing keys", key_name, keys},
  };
  for (const Subject& subject : subjects) measure(subject);
}
