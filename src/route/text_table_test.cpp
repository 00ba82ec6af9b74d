#include "route/text_table.h"

#include <doctest/doctest.h>

#include <string>
#include <unordered_set>
#include <vector>

#include "route/text_hash.h"

using namespace cirque::route;

namespace {

std::vector<std::string> names(std::size_t count) {
  std::vector<std::string> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back("name-" + std::to_string(i) + ".example");
  return made;
}

TextTable table_of(const std::vector<std::string>& keys) {
  std::vector<TextTable::Entry> entries;
  for (std::uint32_t i = 0; i < keys.size(); ++i) entries.push_back({keys[i], i});
  return TextTable(entries);
}

}  // namespace

TEST_SUITE_BEGIN("route");

TEST_CASE("an empty table finds nothing") {
  CHECK(TextTable().find("") == kNone);
  CHECK(TextTable().find("a") == kNone);
}

TEST_CASE("every key is found in tables of every size, and nothing else is") {
  for (std::size_t size : {1u, 2u, 7u, 8u, 9u, 100u, 10'000u}) {
    auto keys = names(size);
    auto table = table_of(keys);
    for (std::uint32_t i = 0; i < size; ++i) CHECK(table.find(keys[i]) == i);
    for (const auto& key : keys) {
      CHECK(table.find(key + "x") == kNone);
      CHECK(table.find(key.substr(1)) == kNone);
    }
    CHECK(table.find("") == kNone);
  }
}

TEST_CASE("keys of every length are told apart by each of their bytes") {
  for (std::size_t size = 1; size < 40; ++size) {
    std::string key(size, 'a');
    auto table = table_of({key});
    CHECK(table.find(key) == 0);
    for (std::size_t at = 0; at < size; ++at) {
      auto other = key;
      other[at] = 'b';
      CHECK(table.find(other) == kNone);
    }
  }
}

TEST_CASE("of two equal keys the first is found, and keys may hold any byte") {
  std::string odd("\0\xff\n", 3);
  auto table = table_of({"same", odd, "same", ""});
  CHECK(table.find("same") == 0);
  CHECK(table.find(odd) == 1);
  CHECK(table.find("") == 3);
}

TEST_CASE("a table of a hundred thousand keys stays small") {
  auto keys = names(100'000);
  std::size_t text = 0;
  for (const auto& key : keys) text += key.size();
  CHECK(table_of(keys).bytes() <= text + 100'000 * 24);
}

TEST_CASE("the hash depends on length, seed and every byte") {
  std::unordered_set<std::uint64_t> seen;
  std::size_t made = 0;
  for (std::size_t size = 0; size < 64; ++size) {
    std::string text(size, '\0');
    seen.insert(text_hash(text)), ++made;
    seen.insert(text_hash(text, 1)), ++made;
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = 1;
      seen.insert(text_hash(text)), ++made;
      text[at] = 0;
    }
  }
  CHECK(seen.size() == made);
}

TEST_SUITE_END();
