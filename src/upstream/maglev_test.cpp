#include "upstream/maglev.h"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "base/random.h"

namespace cirque::upstream {
namespace {

using Owners = std::vector<MaglevTable::Owner>;

Owners many(std::uint32_t count) {
  Owners owners;
  for (std::uint32_t place = 0; place < count; ++place) {
    auto name = fmt::format("10.0.{}.{}:8080", place / 256, place % 256);
    owners.push_back({.place = place, .identity = base::hash(name), .weight = 1});
  }
  return owners;
}

std::vector<std::size_t> slots_each(const MaglevTable& table, std::size_t places) {
  std::vector<std::size_t> counts(places);
  for (std::size_t slot = 0; slot < table.size(); ++slot) ++counts[table.owner(slot)];
  return counts;
}

// The part of the slots whose owner changes although it could have stayed.
double needless_moves(const MaglevTable& before, const MaglevTable& after, std::uint32_t gone) {
  REQUIRE(before.size() == after.size());
  std::size_t moves = 0;
  for (std::size_t slot = 0; slot < before.size(); ++slot) {
    moves += before.owner(slot) != after.owner(slot) && before.owner(slot) != gone;
  }
  return static_cast<double>(moves) / static_cast<double>(before.size());
}

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("members of the same weight own the same number of slots, but for one") {
  for (std::uint32_t count : {1U, 2U, 3U, 100U, 1000U}) {
    CAPTURE(count);
    MaglevTable table(many(count));
    auto counts = slots_each(table, count);
    auto [least, most] = std::ranges::minmax(counts);
    CHECK(most - least <= 1);
  }
}

TEST_CASE("slots go by weight") {
  auto owners = many(3);
  owners[1].weight = 3;
  owners[2].weight = 0;
  MaglevTable table(owners);
  auto counts = slots_each(table, 3);
  CHECK(static_cast<double>(counts[1]) / static_cast<double>(counts[0]) ==
        doctest::Approx(3).epsilon(0.001));
  CHECK(counts[2] == 0);
}

TEST_CASE("one that weighs nothing beside another still makes a table quickly") {
  auto owners = many(1000);
  owners[7].weight = 65'535;
  MaglevTable table(owners);
  CHECK(slots_each(table, 1000)[7] > table.size() * 98 / 100);
}

TEST_CASE("one of a hundred that leaves moves few keys beside its own") {
  auto owners = many(100);
  MaglevTable before(owners);
  double worst = 0;
  for (std::uint32_t gone = 0; gone < 100; gone += 9) {
    auto rest = owners;
    rest.erase(rest.begin() + gone);
    worst = std::max(worst, needless_moves(before, MaglevTable(rest), gone));
  }
  CHECK(worst < 0.01);  // 0.6 % are
}

TEST_CASE("one of many that weigh differently leaves, and few keys move") {
  auto owners = many(100);
  for (auto& owner : owners) owner.weight = 1 + owner.place % 5;
  MaglevTable before(owners);
  auto rest = owners;
  rest.erase(rest.begin() + 33);
  CHECK(needless_moves(before, MaglevTable(rest), 33) < 0.01);
}

TEST_CASE("a table does not depend on how members are listed") {
  auto owners = many(50);
  MaglevTable one(owners);
  std::ranges::reverse(owners);
  MaglevTable other(owners);
  for (std::size_t slot = 0; slot < one.size(); ++slot) {
    REQUIRE(one.owner(slot) == other.owner(slot));
  }
}

TEST_CASE("a table of more than a thousand members is larger") {
  MaglevTable table(many(1025));
  CHECK(table.size() > 1'000'000);
  CHECK(table.slot_of(UINT64_MAX) == table.size() - 1);
  CHECK(table.slot_of(0) == 0);
}

TEST_CASE("a table without owners is empty") {
  auto owners = many(3);
  for (auto& owner : owners) owner.weight = 0;
  CHECK(MaglevTable(owners).is_empty());
  CHECK(MaglevTable({}).is_empty());
}

TEST_SUITE_END();

}  // namespace cirque::upstream
