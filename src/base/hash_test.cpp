#include "base/hash.h"

#include <doctest/doctest.h>

#include <bit>
#include <string>
#include <unordered_set>

using namespace cirque::base;

TEST_SUITE_BEGIN("base");

TEST_CASE("names that differ a little hash far apart") {
  std::unordered_set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(hash("backend-" + std::to_string(i)));
  CHECK(seen.size() == 10'000);
  CHECK(hash("") != hash("a"));
  CHECK(hash("ab") != hash("ba"));
}

TEST_CASE("every bit of the input moves about half of the output") {
  for (int bit = 0; bit < 64; ++bit) {
    int moved =
        std::popcount(mix(0x123456789abcdef0ULL) ^ mix(0x123456789abcdef0ULL ^ (1ULL << bit)));
    CAPTURE(bit);
    CHECK(moved > 12);
    CHECK(moved < 52);
  }
}

TEST_CASE("hashes are the same at compile time") {
  constexpr auto early = hash("x-request-id");
  std::string late = "x-request-id";
  CHECK(hash(late) == early);
}

TEST_SUITE_END();
