#include "upstream/backend.h"

#include <doctest/doctest.h>

#include <memory>

using namespace cirque;
using upstream::Backend;
using upstream::Claim;

namespace {

std::shared_ptr<Backend> backend() {
  return std::make_shared<Backend>(upstream::ReuseKey{Address::parse("127.0.0.1:80").value()}, "a",
                                   0);
}

Duration keep_alive(const Backend& b) {
  return Duration(b.keep_alive_ns.load());
}

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("until anything is known a backend's idle connections are trusted") {
  CHECK(backend()->keep_alive_ns == Backend::kNoLimit);
}

TEST_CASE("a connection that the peer closed tells how long to trust the next ones") {
  auto b = backend();
  b->learn_idle_close(10s);
  CHECK(keep_alive(*b) < 10s);
  CHECK(keep_alive(*b) >= 8s);
  b->learn_idle_close(60s);  // longer: the shortest counts
  CHECK(keep_alive(*b) < 10s);
  b->learn_idle_close(2s);
  CHECK(keep_alive(*b) < 2s);
  CHECK(keep_alive(*b) >= 1s);
}

TEST_CASE("a close right after use is a restart and teaches nothing") {
  auto b = backend();
  b->learn_idle_close(0s);
  b->learn_idle_close(499ms);
  CHECK(b->keep_alive_ns == Backend::kNoLimit);
  b->learn_idle_close(500ms);
  CHECK(keep_alive(*b) < 500ms);
}

TEST_CASE("an announced time-out is believed, less a margin, and never becomes nothing") {
  auto b = backend();
  b->learn_announced(5);
  CHECK(keep_alive(*b) == 4s);
  b->learn_announced(1);
  CHECK(keep_alive(*b) == 750ms);
  b->learn_announced(0);
  CHECK(keep_alive(*b) > 0s);
  CHECK(keep_alive(*b) <= 100ms);
}

TEST_CASE("a claim counts one connection, wherever it moves") {
  auto b = backend();
  {
    auto first = std::move(*Claim::try_make(b, 2));
    CHECK(b->connections == 1);
    Claim moved(std::move(first));
    CHECK(b->connections == 1);
    auto second = std::move(*Claim::try_make(b, 2));
    CHECK(b->connections == 2);
    CHECK_FALSE(Claim::try_make(b, 2));
    CHECK(b->connections == 2);
    second = std::move(moved);
    CHECK(&*second == b.get());
  }
  CHECK(b->connections == 0);
}

TEST_SUITE_END();
