#include "observe/access_ring.h"

#include <doctest/doctest.h>

#include <string>

namespace cirque::observe {
namespace {

AccessEntry entry_with(std::string_view target) {
  AccessEntry entry;
  entry.target = target;
  return entry;
}

// What comes out for what goes in.
AccessEntry through(AccessRing& ring, const AccessEntry& entry) {
  REQUIRE(ring.push(entry));
  auto out = ring.front();
  REQUIRE(out.has_value());
  ring.pop();
  return *out;
}

}  // namespace

TEST_SUITE_BEGIN("observe");

TEST_CASE("a text that is too long is cut and marked") {
  AccessRing ring(64 * 1024);
  auto target = std::string(AccessRing::kTargetMax, 't');
  CHECK(through(ring, entry_with(target)).target == target);
  target += 't';
  auto cut = through(ring, entry_with(target)).target;
  CHECK(cut.size() == AccessRing::kTargetMax);
  CHECK(cut.ends_with("t..."));
}

TEST_CASE("no UTF-8 sequence is cut in two") {
  AccessRing ring(64 * 1024);
  for (std::size_t before = 0; before < 4; ++before) {
    AccessEntry entry;
    auto agent = std::string(before, 'a');
    while (agent.size() <= AccessRing::kTextMax) agent += "\U0001f600";
    entry.user_agent = agent;
    auto cut = through(ring, entry).user_agent;
    REQUIRE(cut.ends_with("..."));
    CHECK((cut.size() - 3 - before) % 4 == 0);
  }
}

TEST_CASE("every number of an entry comes out as it went in") {
  AccessRing ring(64 * 1024);
  AccessEntry entry;
  entry.unix_us = 1;
  entry.status = 599;
  entry.version = Version::Http2;
  entry.reused = true;
  entry.attempts = 3;
  entry.bytes_in = 4;
  entry.bytes_out = 5;
  entry.duration_us = 6;
  entry.connect_us = 7;
  entry.upstream_us = 8;
  entry.overhead_us = 9;
  auto out = through(ring, entry);
  CHECK(out.unix_us == 1);
  CHECK(out.status == 599);
  CHECK(out.version == Version::Http2);
  CHECK(out.reused);
  CHECK(out.attempts == 3);
  CHECK(out.bytes_in == 4);
  CHECK(out.bytes_out == 5);
  CHECK(out.duration_us == 6);
  CHECK(out.connect_us == 7);
  CHECK(out.upstream_us == 8);
  CHECK(out.overhead_us == 9);
}

TEST_CASE("a ring that is emptied in time never asks for its reader") {
  AccessRing ring(64 * 1024);
  auto target = std::string(500, 't');
  auto entry = entry_with(target);
  for (int i = 0; i < 1000; ++i) {  // several rounds
    through(ring, entry);
    REQUIRE(!ring.is_filling());
  }
  int pushed = 0;
  for (; !ring.is_filling(); ++pushed) REQUIRE(ring.push(entry));
  CHECK(pushed > 10);
}

TEST_SUITE_END();

}  // namespace cirque::observe
