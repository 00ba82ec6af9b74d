#include "upstream/pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "loop/loop.h"

using namespace cirque;
using upstream::Ailment;
using upstream::Backend;
using upstream::Bulletin;
using upstream::Pool;
using upstream::Roll;
using upstream::Seat;
using upstream::Standing;
using upstream::Tried;
using upstream::Vitals;

namespace {

Bulletin bulletin;

using Seats = std::vector<Seat>;

Seats seats(int count) {
  Seats all;
  for (int i = 0; i < count; ++i) {
    auto port = static_cast<std::uint16_t>(1 + i);
    all.push_back({.backend = std::make_shared<Backend>(
                       upstream::ReuseKey{Address::parse_ip("127.0.0.1", port).value()},
                       std::to_string(i), static_cast<unsigned>(i)),
                   .standing = std::make_shared<Standing>(bulletin, Vitals::kForEver)});
  }
  return all;
}

void sit(Pool& pool, Seats all, const upstream::RollTerms& terms = {}) {
  pool.set_roll(upstream::make_roll(std::move(all), terms));
}

Backend* chosen(Pool& pool, Tried& tried) {
  auto pick = pool.choose(tried);
  return pick ? pick.seat().backend.get() : nullptr;
}

std::map<std::string, int> count_choices(Pool& pool, int rounds) {
  std::map<std::string, int> counts;
  for (int i = 0; i < rounds; ++i) {
    Tried tried;
    auto* backend = chosen(pool, tried);
    REQUIRE(backend);
    ++counts[backend->name];
  }
  return counts;
}

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("an empty pool has nobody") {
  Pool pool("p", bulletin);
  Tried tried;
  CHECK(pool.is_empty());
  CHECK(chosen(pool, tried) == nullptr);
  CHECK_FALSE(tried.any());
}

TEST_CASE("everybody's turn comes equally often") {
  Pool pool("p", bulletin);
  sit(pool, seats(3));
  for (auto& [name, count] : count_choices(pool, 300)) CHECK(count == 100);
}

TEST_CASE("with one down the others share its turns alike") {
  for (int down = 0; down < 4; ++down) {
    Pool pool("p", bulletin);
    auto all = seats(4);
    all[static_cast<std::size_t>(down)].standing->vitals.set(Ailment::Unhealthy);
    sit(pool, all);
    auto counts = count_choices(pool, 300);
    CAPTURE(down);
    CHECK(counts.size() == 3);
    for (auto& [name, count] : counts) {
      CAPTURE(name);
      CHECK(count >= 95);
      CHECK(count <= 105);
    }
  }
}

TEST_CASE("nobody is chosen twice for one exchange, and then there is nobody left") {
  Pool pool("p", bulletin);
  sit(pool, seats(5));
  Tried tried;
  std::vector<Backend*> seen;
  while (auto* backend = chosen(pool, tried)) {
    CHECK(std::ranges::find(seen, backend) == seen.end());
    seen.push_back(backend);
  }
  CHECK(seen.size() == 5);
  CHECK(tried.any());
}

TEST_CASE("all down is nobody, and one that returns is found") {
  Pool pool("p", bulletin);
  auto all = seats(3);
  for (auto& seat : all) seat.standing->vitals.set(Ailment::Unhealthy);
  sit(pool, all);
  Tried tried;
  CHECK(chosen(pool, tried) == nullptr);
  all[1].standing->vitals.clear(Ailment::Unhealthy, Time{});
  CHECK(chosen(pool, tried) == all[1].backend.get());
}

TEST_CASE("more members than Tried can tell apart still all get their turn") {
  Pool pool("p", bulletin);
  sit(pool, seats(100));
  CHECK(count_choices(pool, 1000).size() == 100);
}

TEST_CASE("new members count with the next choice, on every thread") {
  Pool pool("p", bulletin);
  sit(pool, seats(1));
  auto replaced = seats(1);
  std::atomic<int> phase{0};
  std::thread other([&] {
    Tried before, after;
    REQUIRE(chosen(pool, before));
    phase = 1;
    phase.notify_all();
    phase.wait(1);
    CHECK(chosen(pool, after) == replaced[0].backend.get());
  });
  phase.wait(0);
  sit(pool, replaced);
  phase = 2;
  phase.notify_all();
  other.join();
}

TEST_CASE("turns are exact across threads") {
  Pool pool("p", bulletin);
  auto all = seats(4);
  sit(pool, all);
  std::atomic<int> counts[4] = {};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          Tried tried;
          counts[chosen(pool, tried)->metrics]++;
        }
      });
    }
  }
  for (auto& count : counts) CHECK(count == 1000);
}

TEST_CASE("who has chosen before a pool stopped keeping clients still has a cookie for his") {
  auto all = seats(2);
  Pool pool("p", bulletin);
  sit(pool, all,
      {.sticky = upstream::StickyTerms{.policy = {}, .keys = {"a key of sixteen bytes"}}});
  Tried tried, others;
  auto before = pool.choose(tried);
  REQUIRE(before.keeps_clients());
  auto cookie = before.cookie(false);
  sit(pool, all);
  auto after = pool.choose(others);
  CHECK_FALSE(after.keeps_clients());
  CHECK(before.cookie(false) == cookie);
  CHECK_FALSE(pool.read_cookie(cookie.substr(cookie.find('=') + 1, 32)));
}

TEST_CASE("a backend has left when no pool lists it any more") {
  auto all = seats(2);
  CHECK_FALSE(all[0].backend->has_left());
  {
    Pool one("p", bulletin), other("q", bulletin);
    sit(one, all);
    sit(other, {all[0], all[0]});
    sit(one, {all[0]});
    CHECK_FALSE(all[0].backend->has_left());
    CHECK(all[1].backend->has_left());
    sit(one, {all[1]});
    CHECK_FALSE(all[0].backend->has_left());
    CHECK_FALSE(all[1].backend->has_left());
    sit(other, {});
    CHECK(all[0].backend->has_left());
    auto drained = all[0];
    drained.drains = true;
    sit(other, {drained});
    CHECK(all[0].backend->has_left());
    sit(one, {all[0]});
    CHECK_FALSE(all[0].backend->has_left());
    sit(one, {drained});
    CHECK(all[0].backend->has_left());
    sit(other, {all[0]});
    CHECK_FALSE(all[0].backend->has_left());
  }
  CHECK(all[1].backend->has_left());
}

TEST_CASE("who was left out is asked once nobody else is there, and who is down is not") {
  for (bool is_even : {true, false}) {
    CAPTURE(is_even);
    Pool pool("p", bulletin);
    auto all = seats(3);
    if (!is_even) all[0].weight = 2;
    sit(pool, all);
    all[0].standing->vitals.set(Ailment::Ejected);
    all[1].standing->vitals.set(Ailment::Unhealthy);
    all[1].standing->vitals.set(Ailment::Ejected);
    Tried tried;
    CHECK(chosen(pool, tried) == all[2].backend.get());
    CHECK(chosen(pool, tried) == all[0].backend.get());
    CHECK(chosen(pool, tried) == nullptr);
    all[2].standing->vitals.set(Ailment::Draining);
    CHECK(pool.has_healthy());
    Tried again;
    CHECK(chosen(pool, again) == all[0].backend.get());
    all[0].standing->vitals.set(Ailment::Unhealthy);
    CHECK_FALSE(pool.has_healthy());
    Tried in_vain;
    CHECK(chosen(pool, in_vain) == nullptr);
  }
}

TEST_CASE("weights ask for more than even turns, and get it") {
  Pool pool("p", bulletin);
  auto all = seats(2);
  all[0].weight = 3;
  sit(pool, all);
  auto counts = count_choices(pool, 400);
  CHECK(counts["0"] == 300);
  CHECK(counts["1"] == 100);
}

TEST_CASE("what was picked stays, whatever the pool becomes meanwhile") {
  auto pool = std::make_unique<Pool>("p", bulletin);
  sit(*pool, seats(1));
  Tried tried;
  auto pick = pool->choose(tried);
  REQUIRE(pick);
  sit(*pool, seats(2));
  Tried other;
  CHECK(pool->choose(other));
  CHECK(pick.seat().backend->name == "0");
  pool.reset();
  CHECK(pick.seat().backend->name == "0");
}

TEST_CASE("bad answers in a row leave a member out") {
  Pool pool("p", bulletin);
  auto all = seats(2);
  sit(pool, all, {.has_outliers = true, .outliers = {.errors = 3, .gateway_errors = 0}});
  for (int i = 0; i < 6; ++i) {
    Tried tried;
    auto pick = pool.choose(tried);
    bool is_bad = pick.seat().backend->name == "0";
    pick.report(is_bad ? upstream::Outcome::Error : upstream::Outcome::Good);
  }
  CHECK(all[0].standing->vitals.has(Ailment::Ejected));
  auto counts = count_choices(pool, 10);
  CHECK(counts["1"] == 10);
}

TEST_CASE("requests are counted for the budget of retries") {
  Pool pool("p", bulletin);
  sit(pool, seats(1));
  pool.budget.set_policy({.percent = 20, .per_second = 0});
  count_choices(pool, 100);
  auto now = loop::monotonic_now();
  int retries = 0;
  while (pool.take_retry(now)) ++retries;
  CHECK(retries == 20);
}

namespace {

using upstream::Admitted;
using upstream::Method;
using upstream::Shut;

upstream::RollTerms limited(std::uint32_t concurrency, Method method = Method::RoundRobin) {
  return {.balancer = {.method = method}, .gates = {.concurrency = concurrency}};
}

constexpr Method kMethods[] = {Method::RoundRobin, Method::LeastRequests, Method::PeakEwma,
                               Method::Random, Method::Hash};

Shut shut(Pool& pool) {
  Tried tried;
  auto admitted = pool.choose_admitted(tried);
  REQUIRE_FALSE(admitted);
  return admitted.error();
}

void fail_once(Pool& pool) {
  Tried tried;
  auto admitted = pool.choose_admitted(tried);
  REQUIRE(admitted);
  admitted->leave.report(upstream::Gate::Leave::Outcome::Bad, loop::monotonic_now());
}

}  // namespace

TEST_CASE("a member that has its fill is passed over until all have") {
  for (auto method : kMethods) {
    Pool pool("p", bulletin);
    sit(pool, seats(3), limited(4, method));
    std::vector<Admitted> held;
    std::map<std::string, int> counts;
    for (std::uint64_t hash = 0; hash < 12; ++hash) {
      Tried tried;
      auto admitted = pool.choose_admitted(tried, {.hash = hash});
      REQUIRE(admitted);
      ++counts[admitted->pick.seat().backend->name];
      held.push_back(std::move(*admitted));
    }
    for (auto& [name, count] : counts) CHECK(count == 4);
    CHECK(shut(pool) == Shut::Full);
    auto name = held[5].pick.seat().backend->name;
    held.erase(held.begin() + 5);
    Tried tried;
    auto next = pool.choose_admitted(tried, {.hash = 77});
    REQUIRE(next);
    CHECK(next->pick.seat().backend->name == name);
  }
}

TEST_CASE("while one member is full the others take even turns") {
  Pool pool("p", bulletin);
  sit(pool, seats(3), limited(1000));
  std::map<std::string, int> counts;
  // The first one is full from the beginning.
  auto roll = pool.roll();
  std::vector<upstream::Gate::Leave> leaves;
  while (auto leave = roll->seats[0].standing->gate.admit(Time(1h))) {
    leaves.push_back(std::move(*leave));
  }
  for (int i = 0; i < 100; ++i) {
    Tried tried;
    auto admitted = pool.choose_admitted(tried);
    REQUIRE(admitted);
    ++counts[admitted->pick.seat().backend->name];
  }
  CHECK(counts == std::map<std::string, int>{{"1", 50}, {"2", 50}});
}

TEST_CASE("why nobody can be chosen is told: down, full, or cut") {
  Pool pool("p", bulletin);
  auto all = seats(2);
  sit(pool, all, {.gates = {.concurrency = 1, .failure_threshold = 1}});
  CHECK_FALSE(pool.is_cut(loop::monotonic_now()));
  fail_once(pool);
  CHECK_FALSE(pool.is_cut(loop::monotonic_now()));
  {
    Tried tried;
    auto held = pool.choose_admitted(tried);
    REQUIRE(held);
    CHECK(shut(pool) == Shut::Full);  // one is cut, but there will be room with the other
  }
  fail_once(pool);
  CHECK(shut(pool) == Shut::Cut);
  CHECK(pool.is_cut(loop::monotonic_now()));
  for (auto& seat : all) seat.standing->vitals.set(Ailment::Unhealthy);
  CHECK(shut(pool) == Shut::Nobody);
  CHECK_FALSE(pool.is_cut(loop::monotonic_now()));
}

TEST_CASE("who was left out is asked when the others are cut, and not when they are full") {
  Pool pool("p", bulletin);
  auto all = seats(2);
  sit(pool, all, {.gates = {.concurrency = 1, .failure_threshold = 1}});
  all[0].standing->vitals.set(Ailment::Ejected);
  {
    Tried tried;
    auto held = pool.choose_admitted(tried);
    REQUIRE(held);
    CHECK(held->pick.seat().backend->name == "1");
    CHECK(shut(pool) == Shut::Full);
  }
  fail_once(pool);
  Tried tried;
  auto spared = pool.choose_admitted(tried);
  REQUIRE(spared);
  CHECK(spared->pick.seat().backend->name == "0");
}

TEST_CASE("a member's limit is exact, whichever worker asks") {
  constexpr int kMost = 3;
  Pool pool("p", bulletin);
  sit(pool, seats(2), limited(kMost));
  std::atomic<int> out[2];
  std::atomic<int> overruns{0};
  std::atomic<int> served{0};
  auto work = [&] {
    for (int i = 0; i < 5'000; ++i) {
      Tried tried;
      auto admitted = pool.choose_admitted(tried);
      if (!admitted) continue;
      ++served;
      auto& mine = out[admitted->pick.seat().backend->name == "1"];
      overruns += ++mine > kMost;
      if (i % 16 == 0) std::this_thread::yield();
      --mine;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  }
  CHECK(overruns == 0);
  CHECK(served > 1'000);
  for (const auto& seat : pool.roll()->seats) CHECK(seat.standing->gate.in_use() == 0);
}

TEST_SUITE_END();
