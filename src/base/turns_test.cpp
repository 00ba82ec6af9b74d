#include "base/turns.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <thread>

namespace cirque::base {
namespace {

// struct sched_attr as the kernel has it, whose header does not stand beside <thread>.
struct Manner {
  std::uint32_t size, policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;
};

Manner manner() {
  Manner now{};
  syscall(SYS_sched_getattr, 0, &now, sizeof now, 0);
  return now;
}

bool knows_lengths() {
  utsname system{};
  uname(&system);
  int major = 0, minor = 0;
  std::sscanf(system.release, "%d.%d", &major, &minor);
  return major > 6 || (major == 6 && minor >= 12);
}

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("short turns are the calling thread's alone, and its claim stays") {
  auto before = manner();
  std::array<Manner, 2> there{};
  std::thread([&] {
    [[maybe_unused]] int niceness = ::nice(3);
    there[0] = manner();
    take_short_turns();
    there[1] = manner();
  }).join();
  CHECK(there[1].nice == there[0].nice);
  CHECK(there[1].policy == there[0].policy);
  bool is_usual = before.policy == 0 || before.policy == 3;
  if (is_usual && knows_lengths()) CHECK(there[1].runtime == 100'000);
  CHECK(manner().runtime == before.runtime);
}

TEST_SUITE_END();

}  // namespace cirque::base
