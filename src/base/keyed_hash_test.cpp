#include "base/keyed_hash.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

namespace cirque::base {
namespace {

constexpr HashKey kKey = {.low = 0x0706050403020100, .high = 0x0f0e0d0c0b0a0908};

std::uint64_t hash_of(const std::vector<std::string_view>& texts, const HashKey& key = kKey) {
  KeyedHash hash(key);
  for (auto text : texts) hash.add(text);
  return hash.finish();
}

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("the keyed hash is SipHash: the example of its authors") {
  SipHash<2, 4> hash(kKey);
  hash.add(0x0706050403020100);
  hash.add(0x0f0e0d0c0b0a0908);  // of 15 bytes: the last place has their number, which is 15
  CHECK(hash.finish() == 0xa129ca6149be45e5);
}

TEST_CASE("the keyed hash keeps the borders between texts") {
  std::set<std::uint64_t> all = {hash_of({"ab", "c"}),      hash_of({"a", "bc"}),
                                 hash_of({"abc", ""}),      hash_of({"", "abc"}),
                                 hash_of({"", ""}),         hash_of({"abcdefgh", "i"}),
                                 hash_of({"abcdefghi", ""})};
  CHECK(all.size() == 7);
  CHECK(hash_of({"a"}) != hash_of({std::string_view("a\0", 2)}));
}

TEST_CASE("another key makes another hash") {
  CHECK(hash_of({"a"}) != hash_of({"a"}, {.low = 1, .high = 2}));
  auto one = HashKey::random(), other = HashKey::random();
  CHECK((one.low != other.low || one.high != other.high));
}

TEST_SUITE_END();

}  // namespace cirque::base
