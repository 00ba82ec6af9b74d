#include "proxy/overload.h"

#include <doctest/doctest.h>

#include <utility>

using namespace cirque;
using proxy::Ladder;
using proxy::Lateness;
using proxy::Rung;

TEST_SUITE("proxy: overload") {
  TEST_CASE("each share of the memory has its rung") {
    for (auto [share, rung] : {std::pair{0.0, Rung::None},
                               {0.69, Rung::None},
                               {0.70, Rung::ShortIdle},
                               {0.79, Rung::ShortIdle},
                               {0.80, Rung::CloseIdle},
                               {0.85, Rung::NoRetries},
                               {0.90, Rung::Refuse},
                               {0.95, Rung::NoAccept},
                               {3.0, Rung::NoAccept}}) {
      CAPTURE(share);
      Ladder ladder;
      CHECK(ladder.look(share, 0) == (rung != Rung::None));
      CHECK(ladder.rung() == rung);
    }
  }

  TEST_CASE("a rung is left a little below where it was entered") {
    Ladder ladder;
    ladder.look(0.91, 0);
    CHECK_FALSE(ladder.look(0.88, 0));
    CHECK(ladder.rung() == Rung::Refuse);
    CHECK(ladder.look(0.86, 0));
    CHECK(ladder.rung() == Rung::NoRetries);
    CHECK(ladder.look(0.30, 0));
    CHECK(ladder.rung() == Rung::None);
  }

  TEST_CASE("a machine that thrashes gives up idle connections, but refuses nothing") {
    Ladder ladder;
    CHECK(ladder.look(0.2, 25));
    CHECK(ladder.rung() == Rung::CloseIdle);
    CHECK_FALSE(ladder.look(0.2, 12));
    CHECK(ladder.look(0.2, 1));
    CHECK(ladder.rung() == Rung::None);
  }

  TEST_CASE("idle connections get less time, evenly, and never less than two seconds") {
    CHECK(proxy::idle_patience(0.5, 75s) == 75s);
    CHECK(proxy::idle_patience(0.7, 75s) == 75s);
    CHECK(proxy::idle_patience(0.825, 72s) / 1s == 37);
    CHECK(proxy::idle_patience(0.95, 75s) == 2s);
    CHECK(proxy::idle_patience(2.0, 75s) == 2s);
    CHECK(proxy::idle_patience(0.95, 1s) == 1s);
  }

  TEST_CASE("a worker is late once it has been for a second, and until it is well in time again") {
    Lateness lateness;
    Time t{100s};
    CHECK_FALSE(lateness.look(t, 60ms, 50ms));
    CHECK_FALSE(lateness.look(t + 900ms, 60ms, 50ms));
    CHECK(lateness.look(t + 1s, 51ms, 50ms));
    CHECK(lateness.is_late());
    CHECK_FALSE(lateness.look(t + 2s, 30ms, 50ms));
    CHECK(lateness.is_late());
    CHECK(lateness.look(t + 3s, 20ms, 50ms));
    CHECK_FALSE(lateness.is_late());
  }

  TEST_CASE("one probe in time begins the second anew") {
    Lateness lateness;
    Time t{100s};
    lateness.look(t, 60ms, 50ms);
    lateness.look(t + 500ms, 10ms, 50ms);
    CHECK_FALSE(lateness.look(t + 1100ms, 60ms, 50ms));
    CHECK_FALSE(lateness.is_late());
  }

  TEST_CASE("without a limit nobody is late") {
    Lateness lateness;
    Time t{100s};
    for (int i = 0; i < 5; ++i) CHECK_FALSE(lateness.look(t + i * 1s, 1h, 0ms));
    lateness.look(t + 10s, 1s, 50ms);
    lateness.look(t + 12s, 1s, 50ms);
    REQUIRE(lateness.is_late());
    CHECK(lateness.look(t + 13s, 1s, 0ms));
  }
}
