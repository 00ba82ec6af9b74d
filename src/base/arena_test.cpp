#include "cirque/arena.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using cirque::Arena;

namespace {

struct Teller {
  Teller(std::vector<int>& told, int n) : to(told), number(n) {}

  ~Teller() { to.push_back(number); }

  std::vector<int>& to;
  int number;
};

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("what was made is destroyed newest first, at reset and at the end") {
  std::vector<int> told;
  {
    Arena arena;
    for (int i = 1; i <= 3; ++i) arena.make<Teller>(told, i);
    arena.reset();
    CHECK(told == std::vector{3, 2, 1});
    arena.reset();
    CHECK(told.size() == 3);
    arena.make<Teller>(told, 4);
  }
  CHECK(told == std::vector{3, 2, 1, 4});
}

TEST_CASE("an object may refer to an older one in its destructor") {
  std::vector<int> told;
  Arena arena;
  auto& text = arena.make<std::string>(std::size_t{1000}, 'x');

  struct Reader {
    ~Reader() { told.push_back(static_cast<int>(text.size())); }

    std::string& text;
    std::vector<int>& told;
  };

  arena.make<Reader>(text, told);
  arena.reset();
  CHECK(told == std::vector{1000});
}

TEST_CASE("memory is aligned as it was asked for, and no two pieces overlap") {
  Arena arena;
  std::vector<std::pair<char*, std::size_t>> pieces;
  for (std::size_t i = 0; i < 500; ++i) {
    std::size_t bytes = i * 37 % 300;
    std::size_t align = std::size_t{1} << (i % 7);
    auto* piece = static_cast<char*>(arena.take(bytes, align));
    CHECK(reinterpret_cast<std::uintptr_t>(piece) % align == 0);
    std::memset(piece, static_cast<int>(i % 251), bytes);
    pieces.emplace_back(piece, bytes);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    auto [piece, bytes] = pieces[i];
    std::string expected(bytes, static_cast<char>(i % 251));
    REQUIRE(std::string_view(piece, bytes) == expected);
  }
}

TEST_CASE("a piece may be larger than a chunk") {
  Arena arena;
  auto* large = static_cast<char*>(arena.take(10 * Arena::kChunkBytes, 64));
  CHECK(reinterpret_cast<std::uintptr_t>(large) % 64 == 0);
  std::memset(large, 1, 10 * Arena::kChunkBytes);
  auto* after = static_cast<char*>(arena.take(1));
  *after = 2;
  CHECK(large[10 * Arena::kChunkBytes - 1] == 1);
}

TEST_CASE("after a reset the first memory is used again") {
  Arena arena;
  auto* first = arena.take(1);
  for (int i = 0; i < 100; ++i) arena.take(1000);
  arena.reset();
  CHECK(arena.take(1) == first);
}

TEST_CASE("a copy of text is its own") {
  Arena arena;
  std::string text = "hello";
  auto copy = arena.copy(text);
  text = "xxxxx";
  CHECK(copy == "hello");
  CHECK(arena.copy("").empty());
}

TEST_SUITE_END();
