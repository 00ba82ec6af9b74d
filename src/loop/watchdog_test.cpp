#include "loop/watchdog.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>
#include <string>
#include <thread>

#include "loop/stack_trace.h"

using namespace cirque;
using loop::LongTurn;

TEST_SUITE("loop: watchdog") {
  TEST_CASE("a turn that goes on from look to look adds up") {
    LongTurn turn;
    CHECK_FALSE(turn.is_same(7));
    CHECK(turn.is_same(7));
    turn.add(25ms, 25ms);
    CHECK(turn.is_same(7));
    turn.add(30ms, 25ms);
    CHECK(turn.held() == 55ms);
  }

  TEST_CASE("a loop that waits is never stuck, however long") {
    LongTurn turn;
    CHECK_FALSE(turn.is_same(8));
    CHECK_FALSE(turn.is_same(8));
    CHECK(turn.held() == 0ms);
  }

  TEST_CASE("the next turn begins at nothing") {
    LongTurn turn;
    turn.is_same(7);
    REQUIRE(turn.is_same(7));
    turn.add(25ms, 25ms);
    CHECK_FALSE(turn.is_same(9));
    CHECK(turn.held() == 0ms);
  }

  TEST_CASE("a process that stood still for an hour has not been stuck for an hour") {
    LongTurn turn;
    turn.is_same(7);
    REQUIRE(turn.is_same(7));
    turn.add(1h, 25ms);
    CHECK(turn.held() == 50ms);
  }

  TEST_CASE("a turn without end is counted once, and its end is seen") {
    loop::Loop loop;
    std::atomic<bool> spins{true};
    std::thread thread([&] { loop.run(); });
    loop::Watchdog watchdog({.warn = 20ms});
    watchdog.watch(loop, thread.native_handle());
    watchdog.start();
    loop.send([&] {
      while (spins) std::this_thread::yield();
    });
    while (watchdog.stalls(0) == 0) std::this_thread::yield();
    spins = false;
    loop.send([&] { loop.stop(); });
    watchdog.stop();
    thread.join();
    CHECK(watchdog.stalls(0) == 1);
    CHECK(watchdog.stalls(1) == 0);
  }

  TEST_CASE("another thread's stack is told as modules and offsets") {
    loop::prepare_stack_traces();
    std::atomic<bool> spins{true};
    std::thread thread([&] {
      while (spins) poll(nullptr, 0, 1);
    });
    std::string stack;
    while (stack.empty()) stack = loop::stack_of(thread.native_handle());
    CHECK(stack.find("+0x") != std::string::npos);
    spins = false;
    thread.join();
  }
}
