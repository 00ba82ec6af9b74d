#include "route/key_table.h"

#include <doctest/doctest.h>

#include <vector>

using namespace cirque::route;
using Kind = KeyTable::Refusal::Kind;

TEST_SUITE_BEGIN("route");

TEST_CASE("a known key gets its target, any other the default, and the two are told apart") {
  std::vector<KeySpec> keys{{"acme", 3}, {"umbrella", 4}};
  auto table = KeyTable::compile(keys, 9);
  REQUIRE(table);
  CHECK(table->find("acme")->target == 3);
  CHECK(table->find("acme")->known);
  CHECK(table->find("umbrella")->target == 4);
  for (auto unknown : {"", "ACME", "acme ", "acm"}) {
    CHECK(table->find(unknown)->target == 9);
    CHECK_FALSE(table->find(unknown)->known);
  }
}

TEST_CASE("without a default an unknown key gets nothing") {
  std::vector<KeySpec> keys{{"acme", 0}};
  auto table = KeyTable::compile(keys);
  REQUIRE(table);
  CHECK(table->find("acme")->target == 0);
  CHECK_FALSE(table->find("other"));
  CHECK_FALSE(KeyTable().find("acme"));
}

TEST_CASE("an empty key, an overlong one and one that stands twice are refused with their place") {
  auto refusal_of = [](std::vector<KeySpec> keys) { return KeyTable::compile(keys).error(); };
  auto empty = refusal_of({{"a", 0}, {"", 1}});
  CHECK(empty.kind == Kind::Empty);
  CHECK(empty.at == 1);
  auto twice = refusal_of({{"a", 0}, {"b", 1}, {"a", 0}});
  CHECK(twice.kind == Kind::Twice);
  CHECK(twice.at == 2);
  CHECK(twice.first_at == 0);
  CHECK(refusal_of({{std::string(65'536, 'x'), 0}}).kind == Kind::TooLong);
}

TEST_CASE("a hundred thousand keys are all found") {
  std::vector<KeySpec> keys;
  for (std::uint32_t i = 0; i < 100'000; ++i) keys.push_back({"tenant-" + std::to_string(i), i});
  auto table = KeyTable::compile(keys);
  REQUIRE(table);
  std::size_t wrong = 0;
  for (const auto& key : keys) {
    auto found = table->find(key.key);
    wrong += !found || found->target != key.target;
  }
  CHECK(wrong == 0);
}

TEST_SUITE_END();
