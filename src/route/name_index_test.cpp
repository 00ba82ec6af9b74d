#include "route/name_index.h"

#include <doctest/doctest.h>

#include <deque>
#include <string>

using namespace cirque::route;

TEST_SUITE("route") {
  TEST_CASE("a name index knows the first of every name") {
    for (std::size_t expected : {0UL, 10UL, 20'000UL}) {
      NameIndex index(expected);
      std::deque<std::string> names;
      CHECK(index.empty());
      for (std::uint32_t i = 0; i < 10'000; ++i) {
        const auto& name = names.emplace_back("name-" + std::to_string(i));
        auto [number, is_new] = index.emplace(name, 7 * i);
        CHECK(is_new);
        CHECK(number == 7 * i);
      }
      for (std::uint32_t i = 0; i < 10'000; i += 3) {
        auto [number, is_new] = index.emplace(names[i], 1);
        CHECK_FALSE(is_new);
        CHECK(number == 7 * i);
      }
      REQUIRE(index.entries().size() == names.size());
      for (std::uint32_t i = 0; i < 10'000; ++i) {
        REQUIRE(index.find(names[i]));
        CHECK(*index.find(names[i]) == 7 * i);
        CHECK(index.entries()[i].name.data() == names[i].data());
        CHECK_FALSE(index.contains(names[i] + "x"));
      }
    }
  }

  TEST_CASE("a name index takes the empty name and names with zeros in them") {
    using namespace std::string_view_literals;
    NameIndex index;
    CHECK_FALSE(index.contains(""));
    CHECK(index.emplace("", 1).second);
    CHECK(index.emplace("\0"sv, 2).second);
    CHECK(index.emplace("\0\0"sv, 3).second);
    CHECK(*index.find("") == 1);
    CHECK(*index.find("\0"sv) == 2);
    CHECK(*index.find("\0\0"sv) == 3);
  }
}
