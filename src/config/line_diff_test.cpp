#include "config/line_diff.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <random>
#include <sstream>

namespace cirque::config {
namespace {

std::string diff(std::string_view before, std::string_view after) {
  return line_diff({"a", before}, {"b", after});
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// What patch(1) would make of `before`. Texts end with a line break here.
std::string patched(const std::string& before, const std::string& changes) {
  auto old = lines_of(before);
  std::string out;
  std::size_t at = 0;
  for (const auto& line : lines_of(changes)) {
    if (line.starts_with("---") || line.starts_with("+++")) continue;
    if (line.starts_with("@@")) {
      std::size_t first = 0, count = 0;
      REQUIRE(std::sscanf(line.c_str(), "@@ -%zu,%zu", &first, &count) == 2);
      for (auto until = count == 0 ? first : first - 1; at < until;) out += old[at++] + "\n";
      continue;
    }
    if (line[0] != '+') REQUIRE(old.at(at++) == line.substr(1));
    if (line[0] != '-') out += line.substr(1) + "\n";
  }
  while (at < old.size()) out += old[at++] + "\n";
  return out;
}

TEST_SUITE("config") {
  TEST_CASE("texts that are the same have no diff") {
    CHECK(diff("", "").empty());
    CHECK(diff("a\nb\n", "a\nb\n").empty());
  }

  TEST_CASE("a changed line stands in three lines of context") {
    CHECK(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n") ==
          "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  }

  TEST_CASE("changes far from each other are hunks of their own, near ones share one") {
    std::string before, near, far;
    for (int i = 0; i < 30; ++i) {
      before += fmt::format("{}\n", i);
      near += i == 5 || i == 12 ? "x\n" : fmt::format("{}\n", i);
      far += i == 5 || i == 13 ? "x\n" : fmt::format("{}\n", i);
    }
    CHECK(diff(before, near).contains("@@ -3,14 +3,14 @@"));
    CHECK(diff(before, far).contains("@@ -3,7 +3,7 @@"));
    CHECK(diff(before, far).contains("@@ -11,7 +11,7 @@"));
  }

  TEST_CASE("a text may begin, end, or lack its last line break") {
    CHECK(diff("", "a\n") == "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+a\n");
    CHECK(diff("a\n", "") == "--- a\n+++ b\n@@ -1,1 +0,0 @@\n-a\n");
    CHECK(diff("a", "a\n") ==
          "--- a\n+++ b\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
  }

  TEST_CASE("a diff makes the one text of the other, with as few lines as can be") {
    std::mt19937 random(1986);
    for (int round = 0; round < 2000; ++round) {
      auto text = [&] {
        std::string out;
        for (auto lines = random() % 20; lines > 0; --lines)
          out += fmt::format("{}\n", random() % 4);
        return out;
      };
      auto before = text(), after = text();
      auto changes = diff(before, after);
      CAPTURE(before);
      CAPTURE(changes);
      REQUIRE(patched(before, changes) == after);

      auto a = lines_of(before), b = lines_of(after);  // the least, by the book
      std::vector<std::vector<std::size_t>> cost(a.size() + 1,
                                                 std::vector<std::size_t>(b.size() + 1));
      for (std::size_t x = 0; x <= a.size(); ++x) {
        for (std::size_t y = 0; y <= b.size(); ++y) {
          if (x == 0 || y == 0) {
            cost[x][y] = x + y;
          } else if (a[x - 1] == b[y - 1]) {
            cost[x][y] = cost[x - 1][y - 1];
          } else {
            cost[x][y] = 1 + std::min(cost[x - 1][y], cost[x][y - 1]);
          }
        }
      }
      std::size_t changed = 0;
      for (const auto& line : lines_of(changes))
        changed += (line[0] == '+' || line[0] == '-') && line.size() == 2 ? 1 : 0;
      REQUIRE(changed == cost[a.size()][b.size()]);
    }
  }

  TEST_CASE("texts with nothing in common are told in bounded time") {
    std::string before = "same\n", after = "same\n";
    for (int i = 0; i < 20'000; ++i) {
      before += fmt::format("a{}\n", i);
      after += fmt::format("b{}\n", i);
    }
    CHECK(patched(before + "end\n", diff(before + "end\n", after + "end\n")) == after + "end\n");
  }
}

}  // namespace
}  // namespace cirque::config
