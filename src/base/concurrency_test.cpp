#include "base/concurrency.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <barrier>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"

namespace cirque::base {
namespace {

using Permit = ConcurrencyLimit::Permit;
using Entry = WaitingLine::Entry;

// Writes down what becomes of it.
class Guest final : public WaitingLine::Waiter {
 public:
  Guest(std::string name, std::string& diary) : name_(std::move(name)), diary_(diary) {}

  std::optional<Permit> permit;

 private:
  void on_turn(Permit p) noexcept override {
    permit = std::move(p);
    diary_ += name_;
  }

  std::string name_;
  std::string& diary_;
};

// A worker's line, and whether it was told to serve.
struct Desk {
  std::atomic<bool> is_woken{false};
  WaitingLine line;

  Desk(ConcurrencyLimit& limit, std::uint32_t number)
      : line(limit, number,
             {.call = [](void* desk) noexcept { static_cast<Desk*>(desk)->is_woken = true; },
              .context = this}) {}

  void turn() {
    if (is_woken.exchange(false)) line.serve();
  }
};

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("a concurrency limit lets in as many as it says") {
  ConcurrencyLimit limit({.limit = 2});
  auto one = limit.try_acquire();
  auto two = limit.try_acquire();
  CHECK(one);
  CHECK(two);
  CHECK_FALSE(limit.try_acquire());
  CHECK(limit.in_use() == 2);
  Permit moved = std::move(*one);
  one.reset();
  CHECK_FALSE(limit.try_acquire());
  two = std::move(moved);  // the second is handed back when `moved` ends
  CHECK(limit.in_use() == 2);
  {
    Permit end = std::move(moved);
  }
  CHECK(limit.in_use() == 1);
  CHECK(limit.try_acquire());
}

TEST_CASE("a limit of zero lets in nobody, and no limit everybody") {
  ConcurrencyLimit none({.limit = 0});
  CHECK_FALSE(none.try_acquire());
  ConcurrencyLimit all({});
  std::vector<Permit> permits;
  for (int i = 0; i < 10'000; ++i) permits.push_back(*all.try_acquire());
  CHECK(all.in_use() == 10'000);
}

TEST_CASE("a limit that is lowered is reached as permits come back") {
  ConcurrencyLimit limit({.limit = 3});
  std::deque<Permit> permits;
  for (int i = 0; i < 3; ++i) permits.push_back(*limit.try_acquire());
  limit.set_limit(1);
  permits.pop_front();
  CHECK_FALSE(limit.try_acquire());
  permits.pop_front();
  CHECK_FALSE(limit.try_acquire());
  permits.pop_front();
  CHECK(limit.try_acquire());
}

TEST_CASE("who waits is served in the order of arrival, on whichever worker it waits") {
  ConcurrencyLimit limit({.limit = 1, .waiting_max = 10, .lines = 2});
  Desk left(limit, 0);
  Desk right(limit, 1);
  std::string diary;
  auto held = limit.try_acquire();
  std::deque<Guest> guests;
  for (auto [name, desk] : {std::pair("a", &left), {"b", &right}, {"c", &right}, {"d", &left}}) {
    CHECK(desk->line.enter(guests.emplace_back(name, diary)).how == Entry::Waits);
  }
  CHECK(limit.waiting() == 4);
  held.reset();
  for (auto& guest : guests) {
    left.turn();
    right.turn();
    CHECK(limit.in_use() == 1);
    guest.permit.reset();
  }
  CHECK(diary == "abcd");
  CHECK(limit.in_use() == 0);
  CHECK(limit.waiting() == 0);
}

TEST_CASE("nobody overtakes those who wait, not even while a permit is on its way to them") {
  ConcurrencyLimit limit({.limit = 1, .waiting_max = 10, .lines = 2});
  Desk left(limit, 0);
  Desk right(limit, 1);
  std::string diary;
  auto held = limit.try_acquire();
  Guest first("a", diary);
  left.line.enter(first);
  held.reset();
  CHECK_FALSE(limit.try_acquire());
  Guest second("b", diary);
  CHECK(right.line.enter(second).how == Entry::Waits);
  right.turn();
  CHECK_FALSE(second.permit);
  left.turn();
  CHECK(first.permit);
  first.permit.reset();
  right.turn();
  CHECK(second.permit);
}

TEST_CASE("a line has an end, which all workers share") {
  ConcurrencyLimit limit({.limit = 1, .waiting_max = 2, .lines = 2});
  Desk left(limit, 0);
  Desk right(limit, 1);
  std::string diary;
  auto held = left.line.enter(*std::make_unique<Guest>("a", diary));
  CHECK(held.how == Entry::Admitted);
  Guest b("b", diary);
  Guest c("c", diary);
  Guest d("d", diary);
  CHECK(left.line.enter(b).how == Entry::Waits);
  CHECK(right.line.enter(c).how == Entry::Waits);
  CHECK(left.line.enter(d).how == Entry::Full);
  CHECK_FALSE(d.is_waiting());
}

TEST_CASE("who has waited too long leaves, and who has a permit on its way does not") {
  ConcurrencyLimit limit({.limit = 1, .waiting_max = 10, .lines = 1});
  Desk desk(limit, 0);
  std::string diary;
  auto held = limit.try_acquire();
  std::deque<Guest> guests;
  for (int i = 0; i < 4; ++i) desk.line.enter(guests.emplace_back(std::to_string(i), diary));
  CHECK(guests[0].give_up());
  CHECK(guests[2].give_up());
  CHECK_FALSE(guests[2].is_waiting());
  CHECK(limit.waiting() == 2);
  held.reset();
  CHECK_FALSE(guests[1].give_up());
  CHECK(guests[1].permit);
  CHECK(guests[3].give_up());
  CHECK(diary == "1");
  CHECK(limit.waiting() == 0);
}

TEST_CASE("a permit that comes for one who has left goes to the next") {
  ConcurrencyLimit limit({.limit = 1, .waiting_max = 10, .lines = 2});
  Desk left(limit, 0);
  Desk right(limit, 1);
  std::string diary;
  auto held = limit.try_acquire();
  Guest other("b", diary);
  {
    Guest gone("a", diary);
    left.line.enter(gone);
    right.line.enter(other);
    held.reset();  // on its way to the left
  }
  CHECK(limit.in_use() == 1);
  left.turn();
  right.turn();
  CHECK(diary == "b");
}

TEST_CASE("the last one who leaves frees the permit that was on its way") {
  ConcurrencyLimit limit({.limit = 1, .waiting_max = 10, .lines = 1});
  Desk desk(limit, 0);
  std::string diary;
  auto held = limit.try_acquire();
  {
    Guest gone("a", diary);
    desk.line.enter(gone);
    held.reset();
    CHECK(limit.in_use() == 1);
  }
  CHECK(limit.in_use() == 0);
  desk.turn();
  CHECK(limit.try_acquire());
}

TEST_CASE("a limit that rises lets in who waits") {
  ConcurrencyLimit limit({.limit = 0, .waiting_max = 10, .lines = 1});
  Desk desk(limit, 0);
  std::string diary;
  std::deque<Guest> guests;
  for (auto* name : {"a", "b", "c"}) {
    desk.line.enter(guests.emplace_back(name, diary));
  }
  limit.set_limit(2);
  desk.turn();
  CHECK(diary == "ab");
  CHECK(limit.in_use() == 2);
}

TEST_CASE("a concurrency limit is exact, whoever asks") {
  ConcurrencyLimit limit({.limit = 3});
  std::atomic<int> out{0};
  std::atomic<int> most{0};
  std::atomic<int> admitted{0};
  auto work = [&] {
    for (int i = 0; i < 50'000; ++i) {
      auto permit = limit.try_acquire();
      if (!permit) continue;
      ++admitted;
      int now = ++out;
      int seen = most;
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      if (i % 16 == 0) std::this_thread::yield();
      --out;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) threads.emplace_back(work);
  }
  CHECK(most <= 3);
  CHECK(admitted > 1'000);
  CHECK(limit.in_use() == 0);
}

namespace {

// A worker with requests that wait, are served, take a while, are given up or time out.
class Shift {
 public:
  Shift(ConcurrencyLimit& limit, std::uint32_t number, std::atomic<int>& out)
      : desk_(limit, number), random_(number), out_(out) {}

  static constexpr int kRequests = 20'000;

  bool is_done() const { return begun_ == kRequests && requests_.empty(); }

  void turn() {
    desk_.turn();
    if (begun_ < kRequests && requests_.size() < 8) begin();
    if (random_.next() % 8 == 0) std::this_thread::yield();
    std::erase_if(requests_, [&](auto& request) { return is_over(*request); });
  }

  int overruns = 0;
  int served = 0;

 private:
  class Request final : public WaitingLine::Waiter {
   public:
    explicit Request(Shift& shift) : shift_(shift) {}

    void hold(Permit p) noexcept {
      permit_ = std::move(p);
      shift_.overruns += static_cast<std::uint32_t>(++shift_.out_) > kLimit;
      ++shift_.served;
    }

    ~Request() {
      if (permit_) --shift_.out_;
    }

    bool is_held() const { return permit_.has_value(); }

   private:
    void on_turn(Permit p) noexcept override { hold(std::move(p)); }

    Shift& shift_;
    std::optional<Permit> permit_;
  };

 public:
  static constexpr std::uint32_t kLimit = 5;

 private:
  void begin() {
    ++begun_;
    auto request = std::make_unique<Request>(*this);
    auto entered = desk_.line.enter(*request);
    if (entered.how == Entry::Admitted) request->hold(std::move(*entered.permit));
    if (entered.how != Entry::Full) requests_.push_back(std::move(request));
  }

  bool is_over(Request& request) {
    if (!request.is_held() && random_.next() % 100 == 0 && request.give_up()) return true;
    return random_.next() % (request.is_held() ? 4 : 200) == 0;
  }

  Desk desk_;
  Random random_;
  std::atomic<int>& out_;
  std::vector<std::unique_ptr<Request>> requests_;
  int begun_ = 0;
};

}  // namespace

TEST_CASE("waiting lines of several workers lose no permit and forget nobody") {
  ConcurrencyLimit limit({.limit = Shift::kLimit, .waiting_max = 24, .lines = 4});
  std::atomic<int> out{0};
  std::deque<Shift> shifts;
  for (std::uint32_t number = 0; number < 4; ++number) shifts.emplace_back(limit, number, out);
  {
    std::vector<std::jthread> threads;
    for (auto& shift : shifts) {
      threads.emplace_back([&] {
        while (!shift.is_done()) shift.turn();
      });
    }
  }
  int served = 0;
  for (const auto& shift : shifts) {
    CHECK(shift.overruns == 0);
    served += shift.served;
  }
  CHECK(served > 1'000);
  CHECK(limit.in_use() == 0);
  CHECK(limit.waiting() == 0);
}

// With one permit, whoever is forgotten while it is free stays so, and all others behind it.
TEST_CASE("everybody who waits without giving up is served") {
  for (std::uint32_t workers : {2U, 4U}) {
    ConcurrencyLimit limit({.limit = 1, .waiting_max = 100, .lines = workers});
    std::atomic<std::uint32_t> left{workers};
    std::barrier start(workers, [] noexcept {});
    auto work = [&](std::uint32_t number) {
      Desk desk(limit, number);
      std::string diary;
      start.arrive_and_wait();
      for (int i = 0; i < 20'000; ++i) {
        Guest guest("", diary);
        auto entered = desk.line.enter(guest);
        if (entered.how == Entry::Admitted) continue;
        for (int looks = 1; !guest.permit; ++looks) {
          desk.turn();
          if (looks % 64 == 0) std::this_thread::yield();
        }
      }
      --left;
      while (left > 0) std::this_thread::yield();  // the desk may still be woken
    };
    {
      std::vector<std::jthread> threads;
      for (std::uint32_t number = 0; number < workers; ++number) threads.emplace_back(work, number);
    }
    CHECK(limit.in_use() == 0);
    CHECK(limit.waiting() == 0);
  }
}

TEST_SUITE_END();

}  // namespace cirque::base
