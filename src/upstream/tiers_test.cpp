#include "upstream/tiers.h"

#include <doctest/doctest.h>

#include <vector>

namespace cirque::upstream {
namespace {

struct Shared {
  Footing footing;
  std::vector<double> shares;
};

Shared share(const std::vector<TierHealth>& tiers, const SpillPolicy& policy = {}) {
  Shared result{.footing = {}, .shares = std::vector<double>(tiers.size(), 7)};
  result.footing = share_out(tiers, policy, result.shares);
  return result;
}

void check(const Shared& got, Footing footing, const std::vector<double>& shares) {
  CHECK(got.footing == footing);
  REQUIRE(got.shares.size() == shares.size());
  for (std::size_t i = 0; i < shares.size(); ++i) {
    CAPTURE(i);
    CHECK(got.shares[i] == doctest::Approx(shares[i]));
  }
}

constexpr Rank kBackup = Rank::Backup;

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("the first priority has everything as long as half of it is usable") {
  check(share({{10, 10}, {10, 10}}), Footing::Normal, {1, 0});
  check(share({{10, 5}, {10, 10}}), Footing::Normal, {1, 0});
}

TEST_CASE("below half, a priority hands on to the next in proportion") {
  check(share({{10, 4}, {10, 10}}), Footing::Spilled, {0.8, 0.2});
  check(share({{10, 1}, {10, 10}}), Footing::Spilled, {0.2, 0.8});
  check(share({{10, 0}, {10, 10}}), Footing::Spilled, {0, 1});
  check(share({{10, 2}, {10, 2}, {10, 10}}), Footing::Spilled, {0.4, 0.4, 0.2});
}

TEST_CASE("the shares of Envoy's table come out of its over-provisioning factor") {
  SpillPolicy envoy{.spill_percent = 100 / 1.4};
  check(share({{100, 72}, {100, 72}}, envoy), Footing::Normal, {1, 0});
  check(share({{100, 71}, {100, 71}}, envoy), Footing::Spilled, {0.994, 0.006});
  check(share({{100, 50}, {100, 50}}, envoy), Footing::Spilled, {0.7, 0.3});
  check(share({{100, 25}, {100, 100}}, envoy), Footing::Spilled, {0.35, 0.65});
  check(share({{100, 25}, {100, 25}}, envoy), Footing::Spilled, {0.5, 0.5});
}

TEST_CASE("priorities that cannot carry everything share it in proportion") {
  check(share({{10, 2}, {10, 1}}), Footing::Spilled, {2.0 / 3, 1.0 / 3});
  check(share({{10, 1}}), Footing::Normal, {1});
}

TEST_CASE("backups get requests only when nobody else is usable") {
  check(share({{10, 1}, {5, 5, kBackup}}), Footing::Normal, {1, 0});
  check(share({{10, 0}, {5, 5, kBackup}}), Footing::Backup, {0, 1});
  check(share({{10, 0}, {5, 1, kBackup}, {5, 5, kBackup}}), Footing::Backup, {0, 0.4, 0.6});
  check(share({{5, 5, kBackup}}), Footing::Backup, {1});
}

TEST_CASE("when nobody is usable, nobody is asked; in panic everybody but the backups, by weight") {
  SpillPolicy panics{.panic_percent = 1};
  check(share({{10, 0}, {30, 0}, {5, 0, kBackup}}), Footing::Nobody, {0, 0, 0});
  check(share({{10, 0}, {30, 0}, {5, 0, kBackup}}, panics), Footing::Panic, {0.25, 0.75, 0});
  check(share({{5, 0, kBackup}}, panics), Footing::Panic, {1});
}

TEST_CASE("below the panic threshold health is not believed, if that is wanted") {
  SpillPolicy policy{.panic_percent = 50};
  check(share({{10, 2}, {10, 2}}, policy), Footing::Panic, {0.5, 0.5});
  check(share({{10, 4}, {10, 4}}, policy), Footing::Spilled, {0.8, 0.2});  // it can be carried
  check(share({{10, 4}}, policy), Footing::Panic, {1});
  check(share({{10, 0}, {1, 1, kBackup}}, policy), Footing::Backup, {0, 1});
}

TEST_CASE("a pool without members, or whose members all drain, has nobody") {
  check(share({}), Footing::Nobody, {});
  check(share({{0, 0}, {0, 0, kBackup}}), Footing::Nobody, {0, 0});
  check(share({{0, 0}, {10, 10}}), Footing::Normal, {0, 1});
}

TEST_SUITE_END();

}  // namespace cirque::upstream
