#include "loop/scope.h"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "cirque/task.h"

using namespace cirque;

namespace {

// Where a task waits until the test lets it go on.
struct Gate {
  bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> h) noexcept { waiter = h; }

  void await_resume() const noexcept {}

  void open() { std::exchange(waiter, {}).resume(); }

  std::coroutine_handle<> waiter;
};

// Says when it dies: what a coroutine's frame holds.
struct Mark {
  Mark(std::string& t, char c) : to(t), letter(c) {}

  ~Mark() { to += letter; }

  std::string& to;
  char letter;
};

constexpr Error kReset{.fault = Fault::Reset, .side = Side::Upstream, .reason = "upstream_reset"};

Task<int> inner(Gate& gate, bool fails, std::string& log) {
  Mark mark(log, 'i');
  co_await gate;
  if (fails) co_return fail(kReset);
  co_return 7;
}

Task<int> middle(Gate& gate, bool fails, std::string& log) {
  Mark mark(log, 'm');
  int n = co_await ok(inner(gate, fails, log));
  log += '+';
  co_return n + 1;
}

Task<int> outer(Gate& gate, bool fails, std::string& log) {
  Mark mark(log, 'o');
  int n = co_await ok(middle(gate, fails, log));
  log += '+';
  co_return n + 1;
}

// Looks at the error itself.
Task<std::string> careful(Gate& gate, bool fails, std::string& log) {
  auto result = co_await outer(gate, fails, log);
  if (!result) co_return std::string(result.error().reason);
  co_return std::to_string(*result);
}

Task<> wait_at(Gate& gate, std::string& log, char letter) {
  Mark mark(log, letter);
  co_await gate;
  co_return done;
}

Task<> throws() {
  throw std::runtime_error("escaped");
  co_return done;
}

Task<int> fails_at_once() {
  co_return co_await ok(Result<int>(fail(kReset)));
}

Task<int> passes_at_once() {
  co_return co_await ok(Result<int>(3)) + 1;
}

Task<> spawns(loop::Scope& scope, Gate& gate, std::string& log) {
  scope.spawn(wait_at(gate, log, 'c'));
  co_return done;
}

struct Counter final : detail::Owner {
  void settled() noexcept override { ++count; }

  int count = 0;
};

}  // namespace

TEST_SUITE_BEGIN("loop");

TEST_CASE("a value comes up through every frame") {
  Gate gate;
  std::string log;
  auto task = careful(gate, false, log);
  task.start(nullptr);
  CHECK_FALSE(task.is_settled());
  gate.open();
  REQUIRE(task.is_settled());
  CHECK(task.take().value() == "9");
  CHECK(log == "i+m+o");
}

TEST_CASE("an error climbs over the frames that said ok, which are destroyed innermost first") {
  Gate gate;
  std::string log;
  auto task = careful(gate, true, log);
  task.start(nullptr);
  gate.open();
  REQUIRE(task.is_settled());
  CHECK(task.take().value() == "upstream_reset");
  CHECK(log == "imo");
}

TEST_CASE("an error that nobody looks at settles the outermost task") {
  Gate gate;
  std::string log;
  Counter owner;
  auto task = outer(gate, true, log);
  task.start(&owner);
  gate.open();
  CHECK(owner.count == 1);
  REQUIRE(task.is_settled());
  auto result = task.take();
  REQUIRE_FALSE(result);
  CHECK(result.error().fault == Fault::Reset);
  CHECK(result.error().side == Side::Upstream);
  task.cancel();
  CHECK(log == "imo");
}

TEST_CASE("results without waiting pass through too") {
  auto bad = fails_at_once();
  bad.start(nullptr);
  CHECK(bad.take().error().reason == "upstream_reset");
  auto good = passes_at_once();
  good.start(nullptr);
  CHECK(good.take().value() == 4);
}

TEST_CASE("an exception that escapes is a bug, not a crash") {
  auto task = throws();
  task.start(nullptr);
  REQUIRE(task.is_settled());
  CHECK(task.take().error().fault == Fault::Bug);
}

TEST_CASE("to destroy a task is to cancel it, with everything it awaits") {
  Gate gate;
  std::string log;
  {
    auto task = careful(gate, false, log);
    task.start(nullptr);
    CHECK(log.empty());
  }
  CHECK(log == "imo");
}

TEST_CASE("a task that was never started holds nothing but its arguments") {
  Gate gate;
  std::string log;
  {
    auto task = outer(gate, false, log);
  }
  CHECK(log.empty());
}

TEST_CASE("a scope knows what runs, and forgets what has ended") {
  Gate one, two;
  std::string log;
  loop::Scope scope;
  scope.spawn(wait_at(one, log, '1'));
  scope.spawn(wait_at(two, log, '2'));
  CHECK(scope.running() == 2);
  two.open();
  CHECK(scope.running() == 1);
  CHECK(log == "2");
  one.open();
  CHECK(scope.running() == 0);
  CHECK(log == "21");
}

TEST_CASE("a scope that dies cancels what is left") {
  Gate one, two;
  std::string log;
  {
    loop::Scope scope;
    scope.spawn(wait_at(one, log, '1'));
    scope.spawn(wait_at(two, log, '2'));
  }
  CHECK(log == "12");
}

TEST_CASE("a cancelled scope can be used again") {
  Gate gate;
  std::string log;
  loop::Scope scope;
  scope.spawn(wait_at(gate, log, '1'));
  scope.cancel();
  CHECK(scope.running() == 0);
  scope.spawn(wait_at(gate, log, '2'));
  CHECK(scope.running() == 1);
  gate.open();
  CHECK(log == "12");
}

TEST_CASE("a task may spawn into its own scope, and one that never waits is gone at once") {
  Gate gate;
  std::string log;
  loop::Scope scope;
  scope.spawn(spawns(scope, gate, log));
  CHECK(scope.running() == 1);
  scope.spawn(throws());
  CHECK(scope.running() == 1);
}

TEST_SUITE_END();
