#include "upstream/standby.h"

#include <doctest/doctest.h>

#include <barrier>
#include <deque>
#include <thread>

#include "base/random.h"
#include "upstream/gate.h"

namespace cirque::upstream {
namespace {

constexpr std::uint32_t kMany = 1000;

// Some backends, on two cores whose turns the test takes.
struct House {
  loop::Loop cores[2];
  loop::Loop* loops[2] = {&cores[0], &cores[1]};
  std::shared_ptr<int> owner = std::make_shared<int>();
  Standby standby{loops, owner};
  std::deque<Gate> gates;

  House(std::size_t backends, std::uint32_t concurrency) {
    while (gates.size() < backends) gates.emplace_back().set_policy({.concurrency = concurrency});
  }

  std::optional<Gate::Leave> take() {
    for (auto& gate : gates) {
      if (auto leave = gate.admit(Time(1h))) return leave;
    }
    return std::nullopt;
  }

  void turn() {
    for (auto& core : cores) core.turn(loop::Loop::Wait::No);
  }
};

// Somebody who waits for any of them.
class Visitor final : public Standby::Waiter {
 public:
  explicit Visitor(std::deque<Gate>& gates) : gates_(gates) {}

  bool is_in() const { return leave_.has_value(); }

  bool was_front = false;

  void go(Standby& standby) {
    leave_.reset();
    standby.on_room();
  }

 private:
  bool try_enter() noexcept override {
    for (auto& gate : gates_) {
      leave_ = gate.admit(Time(1h));
      if (leave_) return true;
    }
    return false;
  }

  void on_front() noexcept override { was_front = true; }

  std::deque<Gate>& gates_;
  std::optional<Gate::Leave> leave_;
};

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE(
    "who waits for any backend gets in with the first that has room, in the order of arrival") {
  House house(2, 1);
  auto one = house.take();
  auto two = house.take();
  Visitor a(house.gates);
  Visitor b(house.gates);
  Visitor c(house.gates);
  CHECK(house.standby.join(a, 0, kMany));
  CHECK(house.standby.join(b, 1, kMany));
  CHECK(house.standby.join(c, 0, kMany));
  house.turn();
  CHECK(house.standby.waiting() == 3);
  CHECK(b.was_front);
  CHECK_FALSE(c.was_front);
  two.reset();
  house.standby.on_room();
  house.turn();
  CHECK(a.is_in());
  CHECK_FALSE(b.is_in());
  CHECK(c.was_front);
  one.reset();
  house.standby.on_room();
  house.turn();
  CHECK(b.is_in());
  a.go(house.standby);
  house.turn();
  CHECK(c.is_in());
  CHECK(house.standby.waiting() == 0);
}

TEST_CASE("who finds room while joining does not wait, and a line has an end") {
  House house(1, 1);
  Visitor a(house.gates);
  CHECK(house.standby.join(a, 0, kMany));
  CHECK(a.is_in());
  CHECK_FALSE(a.is_waiting());
  Visitor b(house.gates);
  CHECK(house.standby.join(b, 0, 1));
  CHECK(b.is_waiting());
  Visitor c(house.gates);
  CHECK_FALSE(house.standby.join(c, 1, 1));
  CHECK_FALSE(c.is_waiting());
}

TEST_CASE("room that one who left was told of goes to the next, on whichever core") {
  House house(1, 1);
  auto held = house.take();
  Visitor b(house.gates);
  {
    Visitor a(house.gates);
    house.standby.join(a, 0, kMany);
    house.standby.join(b, 1, kMany);
    held.reset();
    house.standby.on_room();  // the left core is told
  }
  house.turn();
  house.turn();
  CHECK(b.is_in());
}

TEST_CASE("room that nobody has made is found by who looks for it") {
  House house(1, 1);
  auto held = house.take();
  Visitor a(house.gates);
  house.standby.join(a, 0, kMany);
  house.gates[0].set_policy({.concurrency = 2});
  house.turn();
  CHECK_FALSE(a.is_in());
  a.look();
  CHECK(a.is_in());
}

namespace {

// One core under load: requests that come, wait or not, stay a while, and give up now and then.
class Shift {
 public:
  static constexpr int kRequests = 10'000;

  Shift(House& house, loop::Loop& loop, std::size_t core, std::atomic<int>& out, int most)
      : house_(house), loop_(loop), core_(core), out_(out), most_(most), random_(core) {}

  void turn() {
    loop_.turn(loop::Loop::Wait::No);
    if (begun_ < kRequests && visitors_.size() < 6) begin();
    for (auto& visitor : visitors_) note(*visitor);
    std::erase_if(visitors_, [&](auto& visitor) { return is_over(*visitor); });
    if (random_.next() % 8 == 0) std::this_thread::yield();
  }

  bool is_done() const { return begun_ == kRequests && visitors_.empty(); }

  int served = 0;
  int overruns = 0;

 private:
  struct Guest {
    explicit Guest(std::deque<Gate>& gates) : visitor(gates) {}

    Visitor visitor;
    bool is_noted = false;
  };

  void begin() {
    ++begun_;
    auto guest = std::make_unique<Guest>(house_.gates);
    if (house_.standby.join(guest->visitor, core_, 16)) visitors_.push_back(std::move(guest));
  }

  void note(Guest& guest) {
    if (!guest.visitor.is_in() || std::exchange(guest.is_noted, true)) return;
    ++served;
    overruns += ++out_ > most_;
  }

  bool is_over(Guest& guest) {
    if (!guest.is_noted) return !guest.visitor.is_in() && random_.next() % 200 == 0;
    if (random_.next() % 4 != 0) return false;
    --out_;
    guest.visitor.go(house_.standby);
    return true;
  }

  House& house_;
  loop::Loop& loop_;
  const std::size_t core_;
  std::atomic<int>& out_;
  const int most_;
  base::Random random_;
  std::vector<std::unique_ptr<Guest>> visitors_;
  int begun_ = 0;
};

}  // namespace

TEST_CASE("the gates of backends hold on several cores, and nothing is left of who gave up") {
  House house(2, 2);
  std::atomic<int> out{0};
  std::atomic<int> busy{2};
  std::deque<Shift> shifts;
  for (std::size_t core = 0; core < 2; ++core) {
    shifts.emplace_back(house, house.cores[core], core, out, 4);
  }
  {
    std::vector<std::jthread> threads;
    for (std::size_t core = 0; core < 2; ++core) {
      threads.emplace_back([&, core] {
        while (!shifts[core].is_done()) shifts[core].turn();
        --busy;
        while (busy > 0) house.cores[core].turn(loop::Loop::Wait::No);
      });
    }
  }
  for (const auto& shift : shifts) {
    CHECK(shift.overruns == 0);
    CHECK(shift.served > 500);
  }
  CHECK(house.standby.waiting() == 0);
  for (const auto& gate : house.gates) CHECK(gate.in_use() == 0);
}

// With one place, whoever is forgotten while it is free stays so, and all others behind it.
TEST_CASE("everybody who waits for a backend without giving up is let in") {
  House house(1, 1);
  std::atomic<int> busy{2};
  std::barrier start(2, [] noexcept {});
  auto work = [&](std::size_t core) {
    auto& loop = house.cores[core];
    start.arrive_and_wait();
    for (int i = 0; i < 5'000; ++i) {
      Visitor visitor(house.gates);
      REQUIRE(house.standby.join(visitor, core, kMany));
      for (int looks = 1; !visitor.is_in(); ++looks) {
        loop.turn(loop::Loop::Wait::No);
        if (looks % 64 == 0) std::this_thread::yield();
      }
      visitor.go(house.standby);
    }
    --busy;
    while (busy > 0) loop.turn(loop::Loop::Wait::No);
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t core = 0; core < 2; ++core) threads.emplace_back(work, core);
  }
  CHECK(house.standby.waiting() == 0);
}

TEST_SUITE_END();

}  // namespace cirque::upstream
