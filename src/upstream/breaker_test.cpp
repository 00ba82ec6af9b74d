#include "upstream/breaker.h"

#include <doctest/doctest.h>

#include <array>
#include <thread>
#include <vector>

#include "base/random.h"

namespace cirque::upstream {
namespace {

using Change = Breaker::Change;
using Permit = Breaker::Permit;

constexpr Time kStart = Time(1h);

// As it is written down: nothing shared, nothing packed, every permit known by its number.
class Reference {
 public:
  struct Given {
    std::uint64_t era;
    bool is_probe;
  };

  explicit Reference(const BreakerPolicy& policy) : policy_(policy) {}

  void set_policy(const BreakerPolicy& policy) { policy_ = policy; }

  std::optional<Given> admit(Time now) {
    if (state_ == CircuitState::Closed) return Given{era_, false};
    if (state_ == CircuitState::Open && now - since_ < policy_.timeout) return std::nullopt;
    if (probe_is_out_ && now - since_ < policy_.probe_lease) return std::nullopt;
    enter(CircuitState::HalfOpen, now);
    probe_is_out_ = true;
    return Given{era_, true};
  }

  Change report(const Given& given, bool success, Time now) {
    if (given.era != era_) return Change::None;
    if (given.is_probe) {
      enter(success ? CircuitState::Closed : CircuitState::Open, now);
      return success ? Change::Closed : Change::Opened;
    }
    failures_ = success ? 0 : failures_ + 1;
    if (failures_ < policy_.failure_threshold || success) return Change::None;
    enter(CircuitState::Open, now);
    return Change::Opened;
  }

  void hand_back(const Given& given) {
    if (given.era != era_ || !given.is_probe) return;
    ++era_;
    probe_is_out_ = false;
  }

  CircuitState state(Time now) const {
    if (state_ == CircuitState::Open && now - since_ >= policy_.timeout) {
      return CircuitState::HalfOpen;
    }
    return state_;
  }

 private:
  void enter(CircuitState state, Time now) {
    state_ = state;
    since_ = now;
    failures_ = 0;
    probe_is_out_ = false;
    ++era_;
  }

  BreakerPolicy policy_;
  CircuitState state_ = CircuitState::Closed;
  Time since_{};
  std::uint32_t failures_ = 0;
  bool probe_is_out_ = false;
  std::uint64_t era_ = 0;
};

void open(Breaker& breaker, Time now) {
  while (breaker.state(now) == CircuitState::Closed) breaker.admit(now)->fail(now);
}

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("a breaker opens with the fifth failure in a row") {
  Breaker breaker;
  for (int i = 0; i < 4; ++i) CHECK(breaker.admit(kStart)->fail(kStart) == Change::None);
  CHECK(breaker.state(kStart) == CircuitState::Closed);
  CHECK(breaker.admit(kStart)->fail(kStart) == Change::Opened);
  CHECK(breaker.state(kStart) == CircuitState::Open);
  CHECK_FALSE(breaker.admit(kStart));
  CHECK(breaker.wait(kStart) == 30s);
}

TEST_CASE("a breaker forgets its failures with one success") {
  Breaker breaker;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 4; ++i) CHECK(breaker.admit(kStart)->fail(kStart) == Change::None);
    CHECK(breaker.admit(kStart)->succeed(kStart) == Change::None);
  }
  CHECK(breaker.state(kStart) == CircuitState::Closed);
}

TEST_CASE("an open breaker lets one probe through when its time has passed, and not before") {
  Breaker breaker;
  open(breaker, kStart);
  CHECK_FALSE(breaker.admit(kStart + 30s - 1ns));
  CHECK(breaker.state(kStart + 30s - 1ns) == CircuitState::Open);
  CHECK(breaker.state(kStart + 30s) == CircuitState::HalfOpen);
  CHECK(breaker.wait(kStart + 30s) == 0s);
  auto probe = breaker.admit(kStart + 30s);
  REQUIRE(probe);
  CHECK(probe->is_probe());
  CHECK(breaker.state(kStart + 30s) == CircuitState::HalfOpen);
  CHECK_FALSE(breaker.admit(kStart + 30s));
  CHECK_FALSE(breaker.admit(kStart + 31s));
}

TEST_CASE("a breaker that opens between two milliseconds is never open too shortly") {
  Breaker breaker;
  open(breaker, kStart + 1ns);
  CHECK_FALSE(breaker.admit(kStart + 30s));
  CHECK(breaker.admit(kStart + 30s + 1ms));
}

TEST_CASE("a probe that succeeds closes the breaker with a clean slate") {
  Breaker breaker;
  open(breaker, kStart);
  auto now = kStart + 30s;
  CHECK(breaker.admit(now)->succeed(now) == Change::Closed);
  CHECK(breaker.state(now) == CircuitState::Closed);
  for (int i = 0; i < 4; ++i) {
    auto permit = breaker.admit(now);
    CHECK_FALSE(permit->is_probe());
    CHECK(permit->fail(now) == Change::None);
  }
  CHECK(breaker.admit(now)->fail(now) == Change::Opened);
}

TEST_CASE("a probe that fails opens the breaker for as long again") {
  Breaker breaker;
  open(breaker, kStart);
  CHECK(breaker.admit(kStart + 30s)->fail(kStart + 35s) == Change::Opened);
  CHECK_FALSE(breaker.admit(kStart + 65s - 1ns));
  CHECK(breaker.admit(kStart + 65s));
}

TEST_CASE("a probe that is given up hands its leave to the next") {
  Breaker breaker;
  open(breaker, kStart);
  auto now = kStart + 30s;
  breaker.admit(now).reset();
  CHECK(breaker.state(now) == CircuitState::HalfOpen);
  auto second = breaker.admit(now);
  REQUIRE(second);
  CHECK(second->is_probe());
  CHECK_FALSE(breaker.admit(now));
}

TEST_CASE("a probe that is never heard of is replaced, and then no longer decides") {
  Breaker breaker({.probe_lease = 10s});
  open(breaker, kStart);
  auto lost = breaker.admit(kStart + 30s);
  REQUIRE(lost);
  CHECK_FALSE(breaker.admit(kStart + 40s - 1ns));
  CHECK(breaker.wait(kStart + 35s) == 5s);
  auto second = breaker.admit(kStart + 40s);
  REQUIRE(second);
  CHECK(lost->succeed(kStart + 40s) == Change::None);
  CHECK(breaker.state(kStart + 40s) == CircuitState::HalfOpen);
  CHECK(second->fail(kStart + 41s) == Change::Opened);
}

TEST_CASE("a breaker ignores results from before it opened") {
  Breaker breaker;
  auto early = breaker.admit(kStart);
  auto late = breaker.admit(kStart);
  open(breaker, kStart);
  CHECK(early->succeed(kStart) == Change::None);
  CHECK(breaker.state(kStart) == CircuitState::Open);
  auto now = kStart + 30s;
  CHECK(breaker.admit(now)->succeed(now) == Change::Closed);
  for (int i = 0; i < 4; ++i) breaker.admit(now)->fail(now);
  CHECK(late->fail(now) == Change::None);
  CHECK(breaker.state(now) == CircuitState::Closed);
}

TEST_CASE("a permit counts once") {
  Breaker breaker({.failure_threshold = 2});
  auto permit = breaker.admit(kStart);
  Permit moved = std::move(*permit);
  CHECK(moved.fail(kStart) == Change::None);
  CHECK(moved.fail(kStart) == Change::None);
  CHECK(permit->fail(kStart) == Change::None);
  CHECK(breaker.state(kStart) == CircuitState::Closed);
}

TEST_CASE("a breaker's policy changes while it is open") {
  Breaker breaker;
  open(breaker, kStart);
  CHECK_FALSE(breaker.admit(kStart + 5s));
  breaker.set_policy({.failure_threshold = 1, .timeout = 5s});
  auto probe = breaker.admit(kStart + 5s);
  REQUIRE(probe);
  probe->succeed(kStart + 5s);
  CHECK(breaker.admit(kStart + 5s)->fail(kStart + 5s) == Change::Opened);
}

TEST_CASE("a breaker whose worker's clock lags waits no less") {
  Breaker breaker;
  open(breaker, kStart);
  CHECK_FALSE(breaker.admit(kStart - 1min));
  CHECK(breaker.wait(kStart - 1min) == 30s);
}

TEST_CASE("a million random steps of the breaker agree with a naive one") {
  base::Random random(4);
  auto below = [&](std::uint64_t limit) { return random.next() % limit; };
  auto any_policy = [&] {
    return BreakerPolicy{.failure_threshold = static_cast<std::uint32_t>(1 + below(6)),
                         .timeout = std::chrono::milliseconds(below(200)),
                         .probe_lease = std::chrono::milliseconds(1 + below(200))};
  };
  auto policy = any_policy();
  Breaker breaker(policy);
  Reference reference(policy);

  struct Out {
    Permit permit;
    Reference::Given given;
  };

  std::vector<Out> out;
  Time now = kStart;
  std::array<std::size_t, 3> seen{};
  std::size_t admitted = 0;
  for (int step = 0; step < 1'000'000; ++step) {
    CAPTURE(step);
    auto what = below(100);
    if (what < 40 && out.size() < 20) {
      auto permit = breaker.admit(now);
      auto given = reference.admit(now);
      REQUIRE(permit.has_value() == given.has_value());
      if (!permit) continue;
      REQUIRE(permit->is_probe() == given->is_probe);
      out.push_back({std::move(*permit), *given});
      ++admitted;
    } else if (what < 85 && !out.empty()) {
      std::swap(out[below(out.size())], out.back());
      auto [permit, given] = std::move(out.back());
      out.pop_back();
      if (what < 45) {
        reference.hand_back(given);
      } else if (what < 60) {
        REQUIRE(permit.succeed(now) == reference.report(given, true, now));
      } else {
        REQUIRE(permit.fail(now) == reference.report(given, false, now));
      }
    } else if (what < 99) {
      now += std::chrono::milliseconds(below(30));
    } else {
      policy = any_policy();
      breaker.set_policy(policy);
      reference.set_policy(policy);
    }
    REQUIRE(breaker.state(now) == reference.state(now));
    ++seen[static_cast<std::size_t>(breaker.state(now))];
  }
  for (auto times : seen) CHECK(times > 50'000);
  CHECK(admitted > 100'000);
}

TEST_CASE("a breaker never has two probes out at once, whoever asks") {
  Breaker breaker({.failure_threshold = 1, .timeout = 3ms, .probe_lease = 1000h});
  std::atomic<std::int64_t> ms{1};
  std::atomic<int> out{0};
  std::atomic<int> twice{0};
  std::uint64_t probes = 0;  // no atomic: one probe's end comes before the next one's begin
  auto work = [&](std::uint64_t seed) {
    base::Random random(seed);
    for (int i = 0; i < 50'000; ++i) {
      auto now = [&] { return Time(std::chrono::milliseconds(ms.fetch_add(1))); };
      auto permit = breaker.admit(now());
      if (!permit) continue;
      if (permit->is_probe()) {
        if (out.fetch_add(1, std::memory_order_relaxed) != 0) twice.fetch_add(1);
        ++probes;
        out.fetch_sub(1, std::memory_order_relaxed);
      }
      auto fate = random.next() % 4;
      if (fate == 0) permit->succeed(now());
      if (fate > 1) permit->fail(now());
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  }
  CHECK(twice == 0);
  CHECK(probes > 100);
}

TEST_SUITE_END();

}  // namespace cirque::upstream
