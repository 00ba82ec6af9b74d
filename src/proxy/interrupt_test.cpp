#include "proxy/interrupt.h"

#include <doctest/doctest.h>

#include <string>

using namespace cirque;
using proxy::Interrupt;

namespace {

struct Gate {
  bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> h) noexcept { waiter = h; }

  void await_resume() const noexcept {}

  void open() { std::exchange(waiter, {}).resume(); }

  std::coroutine_handle<> waiter;
};

struct Mark {
  ~Mark() { to += "!"; }

  std::string& to;
};

constexpr Error kGone{.fault = Fault::Reset, .side = Side::Client, .reason = "client_gone"};
constexpr Error kLate{.fault = Fault::Timeout, .reason = "request_total_timeout"};

Task<> work(Gate& gate, std::string& log, bool fails) {
  Mark mark{log};
  log += "begun ";
  co_await gate;
  log += "went on ";
  if (fails) co_return fail(kLate);
  co_return done;
}

Task<std::string> guarded(Interrupt& interrupt, Gate& gate, std::string& log, bool fails = false) {
  auto outcome = co_await interrupt.during(work(gate, log, fails));
  co_return outcome ? std::string("done") : std::string(outcome.error().reason);
}

}  // namespace

TEST_SUITE_BEGIN("proxy");

TEST_CASE("without an interrupt the task's result is the result") {
  loop::Loop loop;
  Interrupt interrupt(loop);
  for (bool fails : {false, true}) {
    Gate gate;
    std::string log;
    auto task = guarded(interrupt, gate, log, fails);
    task.start(nullptr);
    gate.open();
    REQUIRE(task.is_settled());
    CHECK(task.take().value() == (fails ? "request_total_timeout" : "done"));
    CHECK(log == "begun went on !");
  }
  CHECK_FALSE(interrupt.is_raised());
}

TEST_CASE("an interrupt cancels the task at the end of the turn, and the first error wins") {
  loop::Loop loop;
  Interrupt interrupt(loop);
  Gate gate;
  std::string log;
  auto task = guarded(interrupt, gate, log);
  task.start(nullptr);
  interrupt.raise(kGone);
  interrupt.raise(kLate);
  CHECK(interrupt.is_raised());
  CHECK(log == "begun ");
  loop.turn(loop::Loop::Wait::No);
  REQUIRE(task.is_settled());
  CHECK(task.take().value() == "client_gone");
  CHECK(log == "begun !");
}

TEST_CASE("a task that ends in the same turn keeps its result") {
  loop::Loop loop;
  Interrupt interrupt(loop);
  Gate gate;
  std::string log;
  auto task = guarded(interrupt, gate, log);
  task.start(nullptr);
  interrupt.raise(kGone);
  gate.open();
  REQUIRE(task.is_settled());
  CHECK(task.take().value() == "done");
  loop.turn(loop::Loop::Wait::No);
  CHECK(log == "begun went on !");
}

TEST_CASE("what was interrupted before it began never begins") {
  loop::Loop loop;
  Interrupt interrupt(loop);
  Gate gate;
  std::string log;
  interrupt.raise(kLate);
  auto task = guarded(interrupt, gate, log);
  task.start(nullptr);
  REQUIRE(task.is_settled());
  CHECK(task.take().value() == "request_total_timeout");
  CHECK(log.empty());
}

TEST_CASE("an interrupt of what is gone already wakes nobody") {
  loop::Loop loop;
  Interrupt interrupt(loop);
  Gate gate;
  std::string log;
  {
    auto task = guarded(interrupt, gate, log);
    task.start(nullptr);
    interrupt.raise(kGone);
  }
  CHECK(log == "begun !");
  loop.turn(loop::Loop::Wait::No);
}

TEST_SUITE_END();
