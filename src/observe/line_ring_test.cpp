#include "observe/line_ring.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>

namespace cirque::observe {
namespace {

constexpr std::size_t kBytes = std::size_t{64} * 1024;

bool write(LineRing& ring, std::string_view line) {
  char* to = ring.reserve(line.size());
  if (!to) return false;
  line.copy(to, line.size());
  ring.commit(line.size());
  return true;
}

std::string take(LineRing& ring) {
  std::string text(ring.readable());
  ring.consume(text.size());
  return text;
}

}  // namespace

TEST_SUITE_BEGIN("observe");

TEST_CASE("lines come out of the ring as they went in, across its end too") {
  LineRing ring(kBytes);
  std::size_t passed = 0;
  for (unsigned i = 0; passed < 5 * kBytes; ++i) {
    auto line = std::to_string(i) + std::string(i * 37 % 3000, 'a') + "\n";
    REQUIRE(write(ring, line));
    REQUIRE(take(ring) == line);
    passed += line.size();
  }
}

TEST_CASE("room is asked for at its most and taken as it is needed") {
  LineRing ring(kBytes);
  char* first = ring.reserve(kBytes);
  REQUIRE(first);
  ring.commit(10);
  CHECK(ring.reserve(kBytes) == nullptr);
  CHECK(ring.dropped() == 1);
  CHECK(ring.reserve(kBytes - 10) == first + 10);
  ring.consume(10);
  CHECK(ring.reserve(kBytes) == first + 10);  // all of it, in one stretch
  CHECK(ring.dropped() == 1);
}

TEST_CASE("a ring that is emptied in time never asks for its reader") {
  LineRing ring(kBytes);
  std::string line(500, 't');
  for (int i = 0; i < 1000; ++i) {  // several rounds
    REQUIRE(write(ring, line));
    REQUIRE_FALSE(ring.is_filling());
    take(ring);
  }
  int written = 0;
  for (; !ring.is_filling(); ++written) REQUIRE(write(ring, line));
  CHECK(written > 5);
}

TEST_CASE("one thread reads what the other writes") {
  LineRing ring(kBytes);
  constexpr unsigned kLines = 200'000;
  std::thread writer([&] {
    for (unsigned i = 0; i < kLines;) i += write(ring, std::to_string(i) + "\n");
  });
  std::string got;
  unsigned next = 0;
  while (next < kLines) {
    got += take(ring);
    std::size_t from = 0;
    for (auto end = got.find('\n'); end != std::string::npos; end = got.find('\n', from)) {
      REQUIRE(got.substr(from, end - from) == std::to_string(next++));
      from = end + 1;
    }
    got.erase(0, from);
  }
  writer.join();
}

TEST_SUITE_END();

}  // namespace cirque::observe
