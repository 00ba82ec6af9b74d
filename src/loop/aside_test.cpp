#include "loop/aside.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <vector>

#include "loop/scope.h"

using namespace cirque;
using loop::Aside;
using loop::Loop;
using loop::Scope;

namespace {

void turn_until(Loop& loop, auto condition) {
  while (!condition()) loop.turn(Loop::Wait::Yes);
}

Task<> ask(Aside& aside, int number, std::vector<int>& came) {
  auto told = co_await aside.run([number] { return std::to_string(number); });
  came.push_back(std::stoi(told));
  co_return done;
}

// Works until it may end.
Task<> dwell(Aside& aside, std::atomic<bool>& has_begun, std::atomic<bool>& may_end, bool& heard) {
  co_await aside.run([&] {
    has_begun = true;
    has_begun.notify_all();
    may_end.wait(false);
    return 0;
  });
  heard = true;
  co_return done;
}

}  // namespace

TEST_SUITE_BEGIN("loop");

TEST_CASE("what is done aside comes back in the order in which it was asked for") {
  Loop loop;
  Aside aside(loop);
  Scope scope;
  std::vector<int> came;
  for (int i = 0; i < 5; ++i) scope.spawn(ask(aside, i, came));
  CHECK(came.empty());
  turn_until(loop, [&] { return came.size() == 5; });
  CHECK(came == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("it runs on a thread of its own, which gives way") {
  Loop loop;
  Aside aside(loop);
  Scope scope;
  auto here = std::this_thread::get_id();
  bool is_elsewhere = false;
  scope.spawn([](Aside& a, std::thread::id mine, bool& elsewhere) -> Task<> {
    elsewhere = co_await a.run([] { return std::this_thread::get_id(); }) != mine;
    co_return done;
  }(aside, here, is_elsewhere));
  turn_until(loop, [&] { return scope.running() == 0; });
  CHECK(is_elsewhere);
}

TEST_CASE("nobody need wait for what he has asked for") {
  Loop loop;
  Aside aside(loop);
  std::atomic<bool> has_begun = false, may_end = false;
  bool heard = false;
  std::vector<int> came;
  Scope first, second, third;
  first.spawn(dwell(aside, has_begun, may_end, heard));
  second.spawn(ask(aside, 2, came));
  third.spawn(ask(aside, 3, came));
  has_begun.wait(false);
  first.cancel();   // at work
  second.cancel();  // in the line
  may_end = true;
  may_end.notify_all();
  turn_until(loop, [&] { return third.running() == 0; });
  CHECK_FALSE(heard);
  CHECK(came == std::vector{3});
}

TEST_CASE("its end waits for the thread, and tells nobody") {
  Loop loop;
  std::atomic<bool> has_begun = false, may_end = true;
  bool heard = false;
  {
    Aside aside(loop);
    Scope scope;
    scope.spawn(dwell(aside, has_begun, may_end, heard));
  }
  loop.turn(Loop::Wait::No);
  CHECK(has_begun);
  CHECK_FALSE(heard);
}

TEST_SUITE_END();
