#include "config/tree_memory.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

namespace cirque::config {
namespace {

TEST_SUITE("config") {
  TEST_CASE("what is kept stays where it is, however much comes after it") {
    TreeMemory memory;
    std::array<std::string_view, 10'000> kept;
    for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = memory.keep(fmt::format("text {}", i));
    for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i] == fmt::format("text {}", i));
    CHECK(memory.keep("").empty());
    CHECK(memory.keep_all(std::vector<int>()).empty());
  }

  TEST_CASE("parts are made once each, in their order, and may keep something on the way") {
    TreeMemory memory;
    int made = 0;
    auto text = [&](int i) {
      ++made;
      return memory.keep(std::string(static_cast<std::size_t>(i), 'x'));
    };
    auto texts = memory.keep_all(std::views::iota(0, 3000) | std::views::transform(text));
    REQUIRE(texts.size() == 3000);
    CHECK(made == 3000);
    for (std::size_t i = 0; i < texts.size(); ++i) CHECK(texts[i].size() == i);
  }
}

}  // namespace
}  // namespace cirque::config
