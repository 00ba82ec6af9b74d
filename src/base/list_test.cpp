#include "base/list.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

using cirque::base::List;
using cirque::base::ListHook;

namespace {

struct Item : ListHook {
  explicit Item(int n) : number(n) {}

  int number;
};

std::vector<int> numbers(List<Item>& list) {
  std::vector<int> all;
  list.for_each([&](Item& item) { all.push_back(item.number); });
  return all;
}

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("a list keeps its order at both ends") {
  Item one(1), two(2), three(3);
  List<Item> list;
  CHECK(list.empty());
  CHECK(list.front() == nullptr);
  CHECK(list.back() == nullptr);
  CHECK(list.pop_front() == nullptr);
  list.push_back(two);
  list.push_back(three);
  list.push_front(one);
  CHECK(numbers(list) == std::vector{1, 2, 3});
  CHECK(list.front() == &one);
  CHECK(list.back() == &three);
  CHECK(list.pop_front() == &one);
  CHECK_FALSE(one.is_linked());
  CHECK(numbers(list) == std::vector{2, 3});
}

TEST_CASE("an element that dies leaves its list by itself") {
  List<Item> list;
  Item one(1), three(3);
  list.push_back(one);
  {
    Item two(2);
    list.push_back(two);
    list.push_back(three);
  }
  CHECK(numbers(list) == std::vector{1, 3});
  one.unlink();
  one.unlink();  // once more is nothing
  CHECK(numbers(list) == std::vector{3});
}

TEST_CASE("a list that dies sets its elements free") {
  Item one(1);
  {
    List<Item> list;
    list.push_back(one);
    CHECK(one.is_linked());
  }
  CHECK_FALSE(one.is_linked());
}

TEST_CASE("splicing moves everything behind what is there") {
  Item one(1), two(2), three(3);
  List<Item> list, other, empty;
  list.push_back(one);
  other.push_back(two);
  other.push_back(three);
  list.splice(other);
  list.splice(empty);
  CHECK(other.empty());
  CHECK(numbers(list) == std::vector{1, 2, 3});
  other.push_back(*list.pop_front());
  other.splice(list);
  CHECK(list.empty());
  CHECK(numbers(other) == std::vector{1, 2, 3});
}

TEST_CASE("a visit may destroy what it is given") {
  List<Item> list;
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 5; ++i) list.push_back(*items.emplace_back(std::make_unique<Item>(i)));
  list.for_each([&](Item& item) {
    if (item.number % 2 == 0) items[static_cast<std::size_t>(item.number)].reset();
  });
  CHECK(numbers(list) == std::vector{1, 3});
}

TEST_SUITE_END();
