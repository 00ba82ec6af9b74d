#include "upstream/overflow.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

using namespace cirque;
using upstream::Backend;
using upstream::Claim;
using upstream::Overflow;
using upstream::Parked;

namespace {

const Time kNow = Time(1000s);

std::shared_ptr<Backend> backend(std::uint16_t port = 1) {
  return std::make_shared<Backend>(upstream::ReuseKey{Address::parse_ip("127.0.0.1", port).value()},
                                   "b", 0);
}

Claim claim(const std::shared_ptr<Backend>& b) {
  return std::move(*Claim::try_make(b, UINT32_MAX));
}

// A connection to park, and the peer's end of it.
struct Line {
  explicit Line(const std::shared_ptr<Backend>& b, Time idle_since = kNow, unsigned requests = 1) {
    std::array<int, 2> fds;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    peer = net::Fd(fds[1]);
    parked.emplace(net::Fd(fds[0]), claim(b), kNow - 1h, idle_since, requests);
  }

  Parked take() { return std::move(*parked); }

  std::optional<Parked> parked;
  net::Fd peer;
};

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("the newest of a backend's parked connections is taken, and nobody else's") {
  Overflow overflow;
  auto ours = backend(1), others = backend(2);
  Line first(ours, kNow, 1), second(ours, kNow, 2), foreign(others, kNow, 3);
  CHECK(overflow.park(first.take()));
  CHECK(overflow.park(second.take()));
  CHECK(overflow.park(foreign.take()));
  CHECK(overflow.size() == 3);
  auto taken = overflow.take(*ours, kNow, 10s);
  REQUIRE(taken);
  CHECK(taken->requests == 2);
  CHECK(taken->born == kNow - 1h);
  CHECK(overflow.take(*ours, kNow, 10s)->requests == 1);
  CHECK_FALSE(overflow.take(*ours, kNow, 10s));
  CHECK(overflow.size() == 1);
}

TEST_CASE("a parked connection still counts for its backend") {
  Overflow overflow;
  auto b = backend();
  Line line(b);
  CHECK(b->connections == 1);
  overflow.park(line.take());
  line.parked.reset();
  CHECK(b->connections == 1);
  overflow.take(*b, kNow, 10s);
  CHECK(b->connections == 0);
}

TEST_CASE("what has idled too long, ended or has bytes that nobody asked for is never taken") {
  Overflow overflow;
  auto b = backend();
  Line old(b, kNow - 10s), ended(b), stale(b);
  overflow.park(old.take());
  overflow.park(ended.take());
  overflow.park(stale.take());
  ended.peer = net::Fd();
  REQUIRE(write(stale.peer.get(), "HTTP/1.1 200 OK\r\n", 17) == 17);
  CHECK_FALSE(overflow.take(*b, kNow, 10s));
  CHECK(overflow.size() == 0);
}

TEST_CASE("what was learned of the backend bounds what is taken") {
  Overflow overflow;
  auto b = backend();
  Line line(b, kNow - 5s);
  overflow.park(line.take());
  b->learn_announced(4);
  CHECK_FALSE(overflow.take(*b, kNow, 1min));
}

TEST_CASE("a sweep closes what has died, and learns from it") {
  Overflow overflow;
  auto b = backend();
  Line live(b, kNow - 2s), ended(b, kNow - 4s), old(b, kNow - 30s);
  overflow.park(live.take());
  overflow.park(ended.take());
  overflow.park(old.take());
  ended.peer = net::Fd();
  overflow.sweep(kNow, 30s);
  CHECK(overflow.size() == 1);
  CHECK(Duration(b->keep_alive_ns.load()) < 4s);
  CHECK(overflow.take(*b, kNow, 30s));
}

TEST_CASE("stray bytes are no idle time-out: nothing is learned from them") {
  Overflow overflow;
  auto b = backend();
  Line stale(b, kNow - 5s);
  overflow.park(stale.take());
  REQUIRE(write(stale.peer.get(), "x", 1) == 1);
  overflow.sweep(kNow, 30s);
  CHECK(overflow.size() == 0);
  CHECK(b->keep_alive_ns == Backend::kNoLimit);
}

TEST_CASE("threads that park and take lose nothing and share nothing") {
  Overflow overflow;
  auto b = backend();
  constexpr int kThreads = 4, kRounds = 500;
  std::atomic<int> parked{0}, taken{0};
  std::vector<std::vector<net::Fd>> peers(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kRounds; ++i) {
          if (i % 2 == 0) {
            Line line(b);
            peers[t].push_back(std::move(line.peer));
            if (overflow.park(line.take())) ++parked;
            line.parked.reset();
          } else if (auto one = overflow.take(*b, kNow, 10s)) {
            ++taken;
            // Ours alone: nobody else writes to it.
            if (write(one->fd.get(), "x", 1) != 1) FAIL("a dead connection was handed out");
          }
        }
      });
    }
  }
  CHECK(parked > 0);
  CHECK(overflow.size() == static_cast<std::size_t>(parked - taken));
  CHECK(b->connections == static_cast<std::uint32_t>(parked - taken));
}

TEST_CASE("there is an end to what can be parked") {
  Overflow overflow;
  auto b = backend();
  Line line(b);
  for (std::size_t i = 0; i < Overflow::kParkedMax; ++i) {
    Parked copy{net::Fd(), claim(b), kNow, kNow, 1};
    REQUIRE(overflow.park(std::move(copy)));
  }
  CHECK_FALSE(overflow.park(line.take()));
  CHECK(overflow.size() == Overflow::kParkedMax);
}

TEST_CASE("connections to a backend that has left its pool are closed by the next sweep") {
  Overflow overflow;
  auto b = backend();
  b->join_pool();
  Line line(b);
  overflow.park(line.take());
  b->leave_pool();
  overflow.sweep(kNow, 10s);
  CHECK(overflow.size() == 0);
  CHECK(b->connections == 0);
}

TEST_CASE("a backend whose last parked connection was taken may be gone by the next sweep") {
  Overflow overflow;
  {
    auto b = backend();
    Line line(b);
    overflow.park(line.take());
    CHECK(overflow.take(*b, kNow, 10s));
  }
  overflow.sweep(kNow, 10s);
}

TEST_SUITE_END();
