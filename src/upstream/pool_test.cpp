#include "upstream/pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace cirque;
using upstream::Backend;
using upstream::Members;
using upstream::Pool;
using upstream::Tried;

namespace {

Members members(int count) {
  Members all;
  for (int i = 0; i < count; ++i) {
    auto port = static_cast<std::uint16_t>(1 + i);
    all.push_back(
        std::make_shared<Backend>(upstream::ReuseKey{Address::parse_ip("127.0.0.1", port).value()},
                                  std::to_string(i), static_cast<unsigned>(i)));
  }
  return all;
}

std::map<std::string, int> count_choices(Pool& pool, int rounds) {
  std::map<std::string, int> counts;
  for (int i = 0; i < rounds; ++i) {
    Tried tried;
    auto* chosen = pool.choose(tried);
    REQUIRE(chosen);
    ++counts[chosen->name];
  }
  return counts;
}

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("an empty pool has nobody") {
  Pool pool("p");
  Tried tried;
  CHECK(pool.is_empty());
  CHECK(pool.choose(tried) == nullptr);
  CHECK_FALSE(tried.any());
}

TEST_CASE("everybody's turn comes equally often") {
  Pool pool("p");
  pool.set_members(members(3));
  for (auto& [name, count] : count_choices(pool, 300)) CHECK(count == 100);
}

TEST_CASE("with one down the others share its turns alike") {
  for (int down = 0; down < 4; ++down) {
    Pool pool("p");
    auto all = members(4);
    all[static_cast<std::size_t>(down)]->healthy = false;
    pool.set_members(all);
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
  Pool pool("p");
  pool.set_members(members(5));
  Tried tried;
  std::vector<Backend*> seen;
  while (auto* backend = pool.choose(tried)) {
    CHECK(std::ranges::find(seen, backend) == seen.end());
    seen.push_back(backend);
  }
  CHECK(seen.size() == 5);
  CHECK(tried.any());
}

TEST_CASE("all down is nobody, and one that returns is found") {
  Pool pool("p");
  auto all = members(3);
  for (auto& b : all) b->healthy = false;
  pool.set_members(all);
  Tried tried;
  CHECK(pool.choose(tried) == nullptr);
  all[1]->healthy = true;
  CHECK(pool.choose(tried) == all[1].get());
}

TEST_CASE("more members than Tried can tell apart still all get their turn") {
  Pool pool("p");
  pool.set_members(members(100));
  CHECK(count_choices(pool, 1000).size() == 100);
}

TEST_CASE("new members count with the next choice, on every thread") {
  Pool pool("p");
  pool.set_members(members(1));
  auto replaced = members(1);
  std::atomic<int> phase{0};
  std::thread other([&] {
    Tried before, after;
    REQUIRE(pool.choose(before));
    phase = 1;
    phase.notify_all();
    phase.wait(1);
    CHECK(pool.choose(after) == replaced[0].get());
  });
  phase.wait(0);
  pool.set_members(replaced);
  phase = 2;
  phase.notify_all();
  other.join();
}

TEST_CASE("turns are exact across threads") {
  Pool pool("p");
  auto all = members(4);
  pool.set_members(all);
  std::atomic<int> counts[4] = {};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          Tried tried;
          counts[pool.choose(tried)->metrics]++;
        }
      });
    }
  }
  for (auto& count : counts) CHECK(count == 1000);
}

TEST_CASE("a backend has left when no pool lists it any more") {
  auto all = members(2);
  CHECK_FALSE(all[0]->has_left());
  {
    Pool one("p"), other("q");
    one.set_members(all);
    other.set_members({all[0], all[0]});
    one.set_members({all[0]});
    CHECK_FALSE(all[0]->has_left());
    CHECK(all[1]->has_left());
    one.set_members({all[1]});
    CHECK_FALSE(all[0]->has_left());
    CHECK_FALSE(all[1]->has_left());
    other.set_members({});
    CHECK(all[0]->has_left());
  }
  CHECK(all[1]->has_left());
}

TEST_SUITE_END();
