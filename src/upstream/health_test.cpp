#include "upstream/health.h"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "net/socket.h"

using namespace cirque;
using upstream::HealthPolicy;
using upstream::HealthState;

TEST_SUITE_BEGIN("upstream");

TEST_CASE("a verdict falls after so many failures in a row, and not before") {
  HealthPolicy policy{.unhealthy_threshold = 3, .healthy_threshold = 2};
  HealthState state(policy);
  CHECK(state.is_healthy());
  CHECK_FALSE(state.count(false));
  CHECK(state.is_in_transition());
  CHECK_FALSE(state.count(false));
  CHECK(state.is_healthy());
  CHECK(state.count(false));
  CHECK_FALSE(state.is_healthy());
  CHECK_FALSE(state.is_in_transition());
  CHECK_FALSE(state.count(false));
}

TEST_CASE("one success among failures starts the count again") {
  HealthPolicy policy{.unhealthy_threshold = 3};
  HealthState state(policy);
  for (int i = 0; i < 10; ++i) {
    CHECK_FALSE(state.count(false));
    CHECK_FALSE(state.count(false));
    CHECK_FALSE(state.count(true));
    CHECK_FALSE(state.is_in_transition());
  }
  CHECK(state.is_healthy());
}

TEST_CASE("the way back has a threshold of its own") {
  HealthPolicy policy{.unhealthy_threshold = 1, .healthy_threshold = 3};
  HealthState state(policy, false);
  CHECK_FALSE(state.count(true));
  CHECK_FALSE(state.count(true));
  CHECK_FALSE(state.count(false));
  CHECK_FALSE(state.count(true));
  CHECK_FALSE(state.count(true));
  CHECK(state.count(true));
  CHECK(state.is_healthy());
}

TEST_CASE("thresholds of one flip with every probe") {
  HealthPolicy policy;
  HealthState state(policy);
  CHECK(state.count(false));
  CHECK(state.count(true));
  CHECK(state.count(false));
  CHECK_FALSE(state.is_healthy());
}

TEST_CASE("a backend that goes is found down, and one that returns is found up") {
  loop::Loop loop;
  std::optional<net::Fd> listening(net::listen(Address::parse("127.0.0.1:0").value(),
                                               {.reuse_port = false, .congestion_control = {}})
                                       .value());
  auto address = net::local_address(listening->get());
  upstream::Bulletin bulletin;
  upstream::Seat seat{
      .backend = std::make_shared<upstream::Backend>(upstream::ReuseKey{address}, "b", 0),
      .standing = std::make_shared<upstream::Standing>(bulletin, upstream::Vitals::kForEver)};
  std::vector<std::string> told;
  upstream::HealthPace pace;
  unsigned failures = 0;
  upstream::HealthChecks checks(
      loop, pace, {.timeout = 1s, .interval = 2ms},
      {.on_change =
           [&](const upstream::Seat& which, bool healthy, std::string_view why) {
             CHECK(which.backend == seat.backend);
             told.push_back(healthy ? "up" : "down " + std::string(why));
           },
       .on_failure =
           [&](const upstream::Seat&, std::string_view why) {
             CHECK(why == "upstream_connect_refused");
             ++failures;
           }});
  auto turn_until = [&](auto check) {
    auto end = std::chrono::steady_clock::now() + 20s;
    while (!check()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      loop.turn(loop::Loop::Wait::No);
    }
  };
  checks.watch({seat});
  listening.reset();
  turn_until([&] { return told.size() == 1; });
  CHECK(told[0] == "down upstream_connect_refused");
  CHECK_FALSE(seat.standing->vitals.is_usable());
  turn_until([&] { return failures > 3; });
  CHECK(told.size() == 1);
  listening.emplace(net::listen(address, {.reuse_port = false, .congestion_control = {}}).value());
  turn_until([&] { return told.size() == 2; });
  CHECK(told[1] == "up");
  CHECK(seat.standing->vitals.is_usable());
  checks.watch({});  // no probe is left that could call back
  listening.reset();
  for (int i = 0; i < 50; ++i) loop.turn(loop::Loop::Wait::No);
  CHECK(told.size() == 2);
}

TEST_SUITE_END();
