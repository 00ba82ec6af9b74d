#include "upstream/queue.h"

#include <doctest/doctest.h>

#include <thread>

#include "base/random.h"
#include "loop/scope.h"
#include "upstream/guard.h"

namespace cirque::upstream {
namespace {

using Permit = Queue::Permit;

constexpr Duration kLong = 1h;

// Two cores, whose turns the test takes.
struct House {
  loop::Loop cores[2];
  loop::Loop* loops[2] = {&cores[0], &cores[1]};
  std::shared_ptr<Guard> guard;

  explicit House(std::uint32_t concurrency, std::uint32_t size)
      : guard(Guard::make({.concurrency = concurrency, .queue = {.size = size}}, loops)) {}

  void turn() {
    for (auto& core : cores) core.turn(loop::Loop::Wait::No);
  }
};

// Somebody in line, and what came of it.
class Visitor {
 public:
  Visitor(House& house, std::size_t core, Duration patience = kLong) {
    scope_.spawn(visit(*house.guard->queue, core, patience, outcome_));
  }

  bool waits() const { return !outcome_; }

  bool is_in() const { return outcome_ && *outcome_; }

  std::string_view reason() const {
    return outcome_ && !*outcome_ ? outcome_->error().reason : std::string_view();
  }

  void leave() {
    scope_.cancel();
    outcome_.reset();
  }

 private:
  static Task<> visit(Queue& queue, std::size_t core, Duration patience,
                      std::optional<Result<Permit>>& outcome) {
    auto waited = co_await queue.wait(core, patience);
    outcome.emplace(std::move(waited));
    co_return done;
  }

  std::optional<Result<Permit>> outcome_;
  loop::Scope scope_;
};

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("who waits for a pool goes on when there is room, in the order of arrival") {
  House house(1, 10);
  auto held = house.guard->limit.try_acquire();
  Visitor a(house, 0);
  Visitor b(house, 1);
  Visitor c(house, 0);
  house.turn();
  CHECK(a.waits());
  CHECK(house.guard->limit.waiting() == 3);
  held.reset();
  house.turn();
  CHECK(a.is_in());
  CHECK(b.waits());
  a.leave();
  house.turn();
  CHECK(b.is_in());
  CHECK(c.waits());
  b.leave();
  house.turn();
  CHECK(c.is_in());
  CHECK(house.guard->queue->counts.waited == 3);
}

TEST_CASE("where there is room nobody waits, and a line that is full takes nobody") {
  House house(1, 1);
  Visitor a(house, 0);
  CHECK(a.is_in());
  Visitor b(house, 0);
  Visitor c(house, 1);
  CHECK(b.waits());
  CHECK(c.reason() == "queue_full");
  CHECK(house.guard->queue->counts.waited == 1);
  CHECK(house.guard->queue->counts.refused == 1);
}

TEST_CASE("who has waited too long is told so, and nobody behind it loses by that") {
  House house(1, 10);
  auto held = house.guard->limit.try_acquire();
  Visitor a(house, 0, 1ms);
  Visitor b(house, 0);
  while (a.waits()) house.cores[0].turn(loop::Loop::Wait::Yes);
  CHECK(a.reason() == "queue_timeout");
  CHECK(house.guard->limit.waiting() == 1);
  held.reset();
  house.turn();
  CHECK(b.is_in());
  CHECK(house.guard->queue->counts.timed_out == 1);
}

TEST_CASE("who goes away leaves the line, also between its turn and the end of that") {
  House house(1, 10);
  auto held = house.guard->limit.try_acquire();
  Visitor a(house, 0);
  Visitor b(house, 0);
  a.leave();
  CHECK(house.guard->limit.waiting() == 1);
  held.reset();
  house.cores[0].send([&] { b.leave(); });  // in the same turn, behind the permit
  house.turn();
  CHECK(house.guard->limit.in_use() == 0);
}

TEST_CASE("those in line go on under a limit that has changed") {
  House house(1, 10);
  auto held = house.guard->limit.try_acquire();
  Visitor a(house, 0);
  Visitor b(house, 1);
  Visitor c(house, 1);
  house.guard->set_policy({.concurrency = 3, .queue = {.size = 10}}, house.loops);
  house.turn();
  CHECK(a.is_in());
  CHECK(b.is_in());
  CHECK(c.waits());
  house.guard->set_policy({}, house.loops);  // no limit, no queue
  house.turn();
  CHECK(c.is_in());
}

namespace {

// One core under load: requests that come, wait or not, stay a while, and are given up now and
// then.
class Shift {
 public:
  static constexpr int kRequests = 4000;
  static constexpr int kServed = 400;  // on a slow machine more requests come, until so many
  static constexpr int kRequestsMax = 400'000;  // were served, or that many came

  Shift(std::size_t core, loop::Loop& loop, std::uint32_t limit_max, std::atomic<int>& out)
      : core_(core), loop_(loop), limit_max_(limit_max), out_(out), random_(core) {}

  void turn(Guard& guard) {
    loop_.turn(loop::Loop::Wait::No);
    if (!is_over() && visits_.size() < 8) {
      ++begun_;
      auto patience = random_.next() % 16 == 0 ? Duration(1ms) : kLong;
      visits_.push_back(std::make_unique<loop::Scope>());
      visits_.back()->spawn(visit(guard, patience));
    }
    std::erase_if(visits_, [&](const auto& visit) {
      return visit->running() == 0 || random_.next() % 256 == 0;
    });
  }

  bool is_done() const { return is_over() && visits_.empty(); }

  int served = 0;
  int overruns = 0;

 private:
  bool is_over() const {
    return begun_ >= kRequestsMax || (begun_ >= kRequests && served >= kServed);
  }

  struct Stay {
    Stay(Shift& s) : shift(s) {
      shift.overruns += static_cast<std::uint32_t>(++shift.out_) > shift.limit_max_;
      ++shift.served;
    }

    ~Stay() { --shift.out_; }

    Shift& shift;
  };

  Task<> visit(Guard& guard, Duration patience) {
    auto permit = guard.limit.try_acquire();
    if (!permit) {
      auto waited = co_await queue_of(guard).wait(core_, patience);
      if (!waited) co_return done;
      permit = std::move(*waited);
    }
    Stay stay(*this);
    for (auto rounds = random_.next() % 4; rounds > 0; --rounds) co_await loop_.breathe();
    co_return done;
  }

  static Queue& queue_of(Guard& guard) { return *guard.queue; }

  const std::size_t core_;
  loop::Loop& loop_;
  const std::uint32_t limit_max_;
  std::atomic<int>& out_;
  base::Random random_;
  std::vector<std::unique_ptr<loop::Scope>> visits_;
  int begun_ = 0;
};

}  // namespace

TEST_CASE("a pool's limit and line hold on several cores, while the limit changes") {
  constexpr std::uint32_t kLimitMax = 5;
  constexpr std::size_t kCores = 3;
  loop::Loop cores[kCores];
  loop::Loop* loops[kCores] = {&cores[0], &cores[1], &cores[2]};
  auto guard = Guard::make({.concurrency = kLimitMax, .queue = {.size = 16}}, loops);
  std::atomic<int> out{0};
  std::atomic<std::size_t> busy{kCores};
  std::vector<std::unique_ptr<Shift>> shifts;
  for (std::size_t core = 0; core < kCores; ++core) {
    shifts.push_back(std::make_unique<Shift>(core, cores[core], kLimitMax, out));
  }
  {
    std::vector<std::jthread> threads;
    for (std::size_t core = 0; core < kCores; ++core) {
      threads.emplace_back([&, core] {
        while (!shifts[core]->is_done()) shifts[core]->turn(*guard);
        --busy;
        while (busy > 0) cores[core].turn(loop::Loop::Wait::No);
      });
    }
    for (std::uint32_t round = 0; busy > 0; ++round) {
      guard->set_policy({.concurrency = 1 + round % kLimitMax, .queue = {.size = 16}}, loops);
      std::this_thread::yield();
    }
  }
  int served = 0;
  for (const auto& shift : shifts) {
    CHECK(shift->overruns == 0);
    served += shift->served;
  }
  CHECK(served > 1000);
  CHECK(guard->limit.in_use() == 0);
  CHECK(guard->limit.waiting() == 0);
}

TEST_SUITE_END();

}  // namespace cirque::upstream
