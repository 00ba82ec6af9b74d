#include "route/split.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/random.h"

using namespace cirque;
using route::Split;

namespace {

using Weights = std::vector<std::uint32_t>;

std::vector<std::size_t> tally(std::size_t targets, std::size_t draws, auto draw) {
  std::vector<std::size_t> counts(targets);
  for (std::size_t i = 0; i < draws; ++i) ++counts.at(draw(i));
  return counts;
}

// Pearson's sum over the weights that can be chosen: about as large as their number when the
// proportions are right, and growing with the number of draws when they are not.
double deviation(const std::vector<std::size_t>& counts, const Weights& weights) {
  double draws = 0;
  double sum = 0;
  for (auto count : counts) draws += static_cast<double>(count);
  for (auto weight : weights) sum += weight;
  double total = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    double expected = draws * weights[i] / sum;
    double off = static_cast<double>(counts[i]) - expected;
    total += off * off / expected;
  }
  return total;
}

std::string key_of(std::size_t i) {
  return "user-" + std::to_string(i);
}

}  // namespace

TEST_SUITE_BEGIN("route");

TEST_CASE("a split without anything to choose, or with too much, is none") {
  CHECK_FALSE(Split::of(Weights{}));
  CHECK_FALSE(Split::of(Weights{0, 0}));
  CHECK_FALSE(Split::of(Weights{0xffffffff, 1}));
  CHECK(Split::of(Weights{0xffffffff}));
}

TEST_CASE("points fall exactly where the weights say") {
  auto split = Split::of(Weights{1, 0, 3});
  REQUIRE(split);
  constexpr std::uint64_t kQuarter = 1ULL << 62;
  CHECK(split->by_chance(0) == 0);
  CHECK(split->by_chance(kQuarter - 1) == 0);
  CHECK(split->by_chance(kQuarter) == 2);
  CHECK(split->by_chance(~0ULL) == 2);
}

TEST_CASE(
    "the proportions are exact, by chance and by key; 18.5 is exceeded once in 1000 for four") {
  for (const Weights& weights :
       {Weights{50, 50}, Weights{99, 1}, Weights{1, 2, 3, 4}, Weights{0, 7, 0, 1, 5}}) {
    auto split = Split::of(weights);
    REQUIRE(split);
    base::Random random(4711);
    auto chance = tally(weights.size(), 1'000'000,
                        [&](std::size_t) { return split->by_chance(random.next()); });
    CHECK(deviation(chance, weights) < 18.5);
    auto keyed =
        tally(weights.size(), 200'000, [&](std::size_t i) { return split->by_key(key_of(i)); });
    CHECK(deviation(keyed, weights) < 18.5);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] == 0) CHECK(chance[i] + keyed[i] == 0);
    }
  }
}

TEST_CASE("a key stays on its side, and a growing last weight takes keys but gives none back") {
  auto small = Split::of(Weights{95, 5});
  auto large = Split::of(Weights{80, 20});
  auto again = Split::of(Weights{95, 5});
  std::size_t moved = 0;
  for (std::size_t i = 0; i < 100'000; ++i) {
    auto before = small->by_key(key_of(i));
    CHECK(again->by_key(key_of(i)) == before);
    auto after = large->by_key(key_of(i));
    if (before == 1) CHECK(after == 1);
    moved += before != after;
  }
  CHECK(moved > 14'000);
  CHECK(moved < 16'000);
}

TEST_CASE("splits of different seeds choose independently") {
  auto one = Split::of(Weights{1, 1}, 1);
  auto two = Split::of(Weights{1, 1}, 2);
  std::size_t same = 0;
  for (std::size_t i = 0; i < 100'000; ++i)
    same += one->by_key(key_of(i)) == two->by_key(key_of(i));
  CHECK(same > 49'000);
  CHECK(same < 51'000);
}

TEST_CASE("the side of a key is the same in every build, so that an upgrade moves nobody") {
  auto split = Split::of(Weights{1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  std::string sides;
  for (std::size_t i = 0; i < 20; ++i) sides += static_cast<char>('0' + split->by_key(key_of(i)));
  CHECK(sides == "95657998337881989955");
}

TEST_SUITE_END();
