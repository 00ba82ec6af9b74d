#include "config/address_map.h"

#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

using namespace cirque::config;

namespace {

struct Pair {
  bool first;
  bool second;
};

}  // namespace

TEST_CASE("address map: what was put is found, and nothing else") {
  AddressMap<int> map(0);
  std::string text;
  CHECK(map.find(&text) == nullptr);
  map.put(&text, 1);
  REQUIRE(map.find(&text));
  CHECK(*map.find(&text) == 1);
  CHECK(map.find(text.data() + 1) == nullptr);
  map.put(&text, 2);
  CHECK(*map.find(&text) == 2);
}

TEST_CASE("address map: neighbours of one byte are two values") {
  AddressMap<int> map(2);
  Pair pair{};
  map.put(&pair.first, 1);
  map.put(&pair.second, 2);
  CHECK(*map.find(&pair.first) == 1);
  CHECK(*map.find(&pair.second) == 2);
}

TEST_CASE(
    "address map: agrees with the standard's, whatever was expected and however dense it is") {
  struct Record {
    std::string name;
    bool flag;
    unsigned number;
    std::vector<std::string> list;
  };

  for (std::size_t expected : {0UL, 100UL, 100'000UL}) {
    AddressMap<std::size_t> map(expected);
    std::unordered_map<const void*, std::size_t> known;
    std::deque<Record> records(5'000);
    std::vector<char> bytes(20'000);
    std::size_t number = 0;
    auto keep = [&](const void* at) {
      map.put(at, ++number);
      known[at] = number;
    };
    for (auto& record : records) {
      record.list.resize(3);
      keep(&record.name);
      keep(&record.flag);
      keep(&record.number);
      for (auto& item : record.list) keep(&item);
      keep(&record.list);
    }
    for (auto& byte : bytes) keep(&byte);
    for (std::size_t i = 0; i < records.size(); i += 7) keep(&records[i].flag);
    for (const auto& [at, value] : known) {
      const auto* found = map.find(at);
      REQUIRE(found);
      REQUIRE(*found == value);
    }
    std::vector<char> others(20'000);
    for (auto& byte : others) REQUIRE(map.find(&byte) == nullptr);
  }
}
