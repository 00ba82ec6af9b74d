#include "loop/loop.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "loop/scope.h"

using namespace cirque;
using loop::Deferred;
using loop::Loop;
using loop::Wake;
using loop::Watch;

namespace {

struct Pair {
  Pair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0); }

  ~Pair() {
    close(fds[0]);
    if (fds[1] >= 0) close(fds[1]);
  }

  void write_other(std::string_view text) const {
    REQUIRE(write(fds[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  std::array<int, 2> fds;
};

// Calls what it holds.
struct Call : Wake {
  explicit Call(std::function<void()> f)
      : Wake([](Wake& w) noexcept {
          auto& self = static_cast<Call&>(w);
          ++self.calls;
          self.run();
        }),
        run(std::move(f)) {}

  std::function<void()> run;
  int calls = 0;
};

struct Later : Deferred {
  explicit Later(std::function<void()> f)
      : Deferred([](Wake& w) noexcept {
          auto& self = static_cast<Later&>(w);
          ++self.calls;
          self.run();
        }),
        run(std::move(f)) {}

  std::function<void()> run;
  int calls = 0;
};

void turn(Loop& loop) {
  loop.turn(Loop::Wait::No);
}

}  // namespace

TEST_SUITE_BEGIN("loop");

TEST_CASE("what is put off runs at the end of the turn, in order, once") {
  Loop loop;
  std::string order;
  Later second([&] { order += "2"; });
  Later first([&] { order += "1"; });
  loop.defer(first);
  loop.defer(second);
  CHECK(order.empty());
  turn(loop);
  CHECK(order == "12");
  turn(loop);
  CHECK(order == "12");
}

TEST_CASE("what is put off while others run waits for the next turn") {
  Loop loop;
  int runs = 0;
  Later again([&] {
    if (++runs < 3) loop.defer(again);
  });
  loop.defer(again);
  turn(loop);
  CHECK(runs == 1);
  turn(loop);
  CHECK(runs == 2);
  turn(loop);
  turn(loop);
  CHECK(runs == 3);
}

TEST_CASE("what is put off and dies is withdrawn, even by the one that runs before it") {
  Loop loop;
  auto victim = std::make_unique<Later>([] { FAIL("called after its death"); });
  Later killer([&] { victim.reset(); });
  loop.defer(killer);
  loop.defer(*victim);
  turn(loop);
  CHECK(killer.calls == 1);
}

TEST_CASE("mail from other threads arrives in order and wakes the loop") {
  Loop loop;
  constexpr int kMessages = 1000;
  std::vector<int> got;
  std::jthread sender([&] {
    for (int i = 0; i < kMessages; ++i) {
      loop.send([&, i] {
        got.push_back(i);
        if (i + 1 == kMessages) loop.stop();
      });
    }
  });
  loop.run();
  REQUIRE(got.size() == kMessages);
  CHECK(std::ranges::is_sorted(got));
}

TEST_CASE("mail from several threads is all delivered") {
  Loop loop;
  constexpr int kThreads = 4, kEach = 500;
  int got = 0;
  {
    std::vector<std::jthread> senders;
    for (int t = 0; t < kThreads; ++t) {
      senders.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) {
          loop.send([&] {
            if (++got == kThreads * kEach) loop.stop();
          });
        }
      });
    }
    loop.run();
  }
  CHECK(got == kThreads * kEach);
}

TEST_CASE("mail that is sent while mail is read is not lost") {
  Loop loop;
  int got = 0;
  loop.send([&] {
    ++got;
    loop.send([&] { ++got; });
  });
  turn(loop);
  turn(loop);
  CHECK(got == 2);
}

TEST_CASE("a loop can run again after it was stopped") {
  Loop loop;
  for (int i = 0; i < 2; ++i) {
    loop.send([&] { loop.stop(); });
    loop.run();
  }
  CHECK(loop.turns() >= 2);
}

TEST_CASE("a watch tells of bytes once, and of the end") {
  Loop loop;
  Pair pair;
  Watch watch(loop, pair.fds[0]);
  Call reader([&] { watch.may_read = false; });
  Call hangup([] {});
  watch.reader = &reader;
  watch.hangup = &hangup;
  watch.may_read = false;
  watch.attach();
  watch.attach();
  turn(loop);
  int before = reader.calls;
  pair.write_other("x");
  turn(loop);
  CHECK(reader.calls == before + 1);
  turn(loop);
  CHECK(reader.calls == before + 1);  // an edge, and no new one
  close(std::exchange(pair.fds[1], -1));
  turn(loop);
  CHECK(reader.calls == before + 2);
  CHECK(hangup.calls == 1);
  CHECK(watch.saw_end);
  CHECK(watch.saw_break);
}

TEST_CASE("a FIN is an end but no break") {
  Loop loop;
  Pair pair;
  Watch watch(loop, pair.fds[0]);
  watch.attach();
  shutdown(pair.fds[1], SHUT_WR);
  turn(loop);
  CHECK(watch.saw_end);
  CHECK_FALSE(watch.saw_break);
}

TEST_CASE("a watch that is gone is not found by events of the same turn") {
  // Whichever of the two is first withdraws the other.
  Loop loop;
  Pair one, two;
  std::unique_ptr<Watch> watches[2] = {std::make_unique<Watch>(loop, one.fds[0]),
                                       std::make_unique<Watch>(loop, two.fds[0])};
  int calls = 0;
  Call first([&] { ++calls, watches[1].reset(); });
  Call second([&] { ++calls, watches[0].reset(); });
  watches[0]->reader = &first;
  watches[1]->reader = &second;
  for (auto& watch : watches) {
    watch->may_read = false;
    watch->may_write = false;
    watch->attach();
  }
  one.write_other("x");
  two.write_other("x");
  turn(loop);
  CHECK(calls == 1);
  turn(loop);
}

TEST_CASE("a watch may die in its own callback") {
  Loop loop;
  Pair pair;
  auto watch = std::make_unique<Watch>(loop, pair.fds[0]);
  Call reader([&] { watch.reset(); });
  Call writer([] { FAIL("called after its death"); });
  watch->reader = &reader;
  watch->writer = &writer;
  watch->hangup = &writer;
  watch->may_read = watch->may_write = false;
  watch->attach();
  pair.write_other("x");
  close(std::exchange(pair.fds[1], -1));
  turn(loop);
  CHECK(reader.calls == 1);
}

TEST_CASE("a descriptor that is reused within a turn does not inherit the old one's events") {
  Loop loop;
  Pair one, two;
  auto old = std::make_unique<Watch>(loop, two.fds[0]);
  std::unique_ptr<Watch> fresh;
  Call reader([&] {
    old->forget();
    old.reset();
    fresh = std::make_unique<Watch>(loop, two.fds[0]);
    fresh->may_read = false;
  });
  Watch killer(loop, one.fds[0]);
  killer.reader = &reader;
  killer.may_read = old->may_read = false;
  killer.attach();
  old->attach();
  one.write_other("x");
  two.write_other("x");
  turn(loop);
  if (fresh) CHECK_FALSE(fresh->may_read);
}

TEST_CASE("everybody's readiness is known before anybody is woken") {
  Loop loop;
  Pair one, two;
  Watch first(loop, one.fds[0]), second(loop, two.fds[0]);
  int knew = 0;
  Call look_second([&] { knew += second.may_read; });
  Call look_first([&] { knew += first.may_read; });
  first.reader = &look_second;
  second.reader = &look_first;
  for (auto* watch : {&first, &second}) {
    watch->may_read = watch->may_write = false;
    watch->attach();
  }
  one.write_other("x");
  two.write_other("x");
  turn(loop);
  CHECK(knew == 2);
}

namespace {

// Descriptors that all become readable at once, and who of them was woken in which order.
struct Crowd {
  struct Member {
    Member(Loop& loop, Crowd& crowd, char kind)
        : watch(loop, pair.fds[0]), reader([this, &crowd, kind] {
            watch.may_read = false;
            crowd.woken += kind;
          }) {
      watch.urgent = kind == 'u';
      watch.may_read = watch.may_write = false;
      watch.reader = &reader;
      watch.attach();
      pair.write_other("x");
    }

    Pair pair;
    Watch watch;
    Call reader;
  };

  void join(int count, char kind) {
    for (int i = 0; i < count; ++i) members.push_back(std::make_unique<Member>(loop, *this, kind));
  }

  auto count(char kind) const { return std::ranges::count(woken, kind); }

  Loop loop;
  std::string woken;
  std::vector<std::unique_ptr<Member>> members;
};

}  // namespace

TEST_CASE("who is urgent is woken before who became ready first") {
  Crowd crowd;
  crowd.join(3, 'p');
  crowd.join(3, 'u');
  turn(crowd.loop);
  CHECK(crowd.woken == "uuuppp");
}

TEST_CASE("who waits to write is urgent") {
  Crowd crowd;
  crowd.join(2, 'p');
  Call writer([&] { crowd.woken += 'w'; });
  crowd.members[1]->watch.writer = &writer;
  turn(crowd.loop);
  CHECK(crowd.woken == "pwp");
}

TEST_CASE("who is not urgent has a share of every turn, and the urgent the greater one") {
  Crowd crowd;
  crowd.join(100, 'p');
  crowd.join(100, 'u');
  turn(crowd.loop);
  CHECK(crowd.count('u') == 48);
  CHECK(crowd.count('p') == 16);
  turn(crowd.loop);
  turn(crowd.loop);
  CHECK(crowd.count('u') == 100);
  crowd.loop.turn(Loop::Wait::Yes);  // does not wait, as there is somebody left to be woken
  CHECK(crowd.woken.size() == 200);
}

TEST_CASE("who lines up is woken after those who are ready, and after as many turns as they take") {
  Crowd crowd;
  crowd.join(200, 'p');
  Watch probe(crowd.loop, -1);
  std::size_t before = 0;
  Call reader([&] { before = crowd.woken.size(); });
  probe.reader = &reader;
  crowd.loop.send([&] {
    crowd.loop.line_up(probe);
    crowd.loop.line_up(probe);
  });
  auto turns = crowd.loop.turns();
  while (reader.calls == 0) turn(crowd.loop);
  CHECK(before == 200);
  CHECK(crowd.loop.turns() - turns == 4);
  crowd.loop.turn(Loop::Wait::No);
  CHECK(reader.calls == 1);
}

TEST_CASE("who waits for nothing takes nobody's place in a turn") {
  Crowd crowd;
  crowd.join(100, 'p');
  for (auto& member : crowd.members) member->watch.reader = nullptr;
  crowd.join(64, 'p');
  turn(crowd.loop);
  CHECK(crowd.woken.size() == 64);
}

TEST_CASE("who dies before his turn has come is not woken") {
  Crowd crowd;
  crowd.join(70, 'p');
  turn(crowd.loop);
  REQUIRE(crowd.woken.size() == 64);
  crowd.members.erase(crowd.members.begin() + 66, crowd.members.end());
  turn(crowd.loop);
  CHECK(crowd.woken.size() == 66);
}

TEST_CASE("a detached watch hears nothing until it is attached again") {
  Loop loop;
  Pair pair;
  Watch watch(loop, pair.fds[0]);
  Call reader([&] { watch.may_read = false; });
  watch.reader = &reader;
  watch.may_read = false;
  watch.attach();
  watch.detach();
  pair.write_other("x");
  turn(loop);
  CHECK(reader.calls == 0);
  watch.attach();
  turn(loop);
  CHECK(reader.calls == 1);
}

namespace {

Task<> nap(Loop& loop, Duration time, int& done_count) {
  co_await loop.sleep(time);
  ++done_count;
  co_return done;
}

Task<> breathe_often(Loop& loop, int times, int& breaths) {
  for (int i = 0; i < times; ++i) {
    co_await loop.breathe();
    ++breaths;
  }
  co_return done;
}

}  // namespace

TEST_CASE("who sleeps wakes in time, and the loop waits no longer than that") {
  Loop loop;
  int woken = 0;
  loop::Scope scope;
  scope.spawn(nap(loop, 2ms, woken));
  auto began = loop.now();
  while (woken == 0) loop.turn(Loop::Wait::Yes);
  CHECK(loop.now() - began >= 2ms);
}

TEST_CASE("who sleeps and is cancelled never wakes") {
  Loop loop;
  int woken = 0;
  {
    loop::Scope scope;
    scope.spawn(nap(loop, 1ms, woken));
    scope.spawn(breathe_often(loop, 3, woken));
  }
  Later stop([] {});
  Time until = loop.now() + 3ms;
  while (loop.now() < until) turn(loop);
  CHECK(woken == 0);
}

TEST_CASE("who breathes lets one turn pass each time") {
  Loop loop;
  int one = 0, two = 0;
  loop::Scope scope;
  scope.spawn(breathe_often(loop, 3, one));
  scope.spawn(breathe_often(loop, 3, two));
  for (int i = 1; i <= 3; ++i) {
    turn(loop);
    CHECK(one == i);
    CHECK(two == i);
  }
  CHECK(scope.running() == 0);
}

TEST_SUITE_END();
