#include "observe/memory.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

using cirque::observe::MemoryGauge;
namespace fs = std::filesystem;

namespace {

// A /proc and /sys of our own making.
struct Machine {
  Machine() {
    std::string name = (fs::temp_directory_path() / "cirque-memory-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()));
    root = name;
    say("proc/self/statm", "5000 1000 800 10 0 900 0\n");
    say("proc/meminfo", "MemTotal:       24684072 kB\nMemFree:        100 kB\n");
  }

  ~Machine() { fs::remove_all(root); }

  void say(const std::string& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }

  fs::path root;
};

const auto kPage = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));

}  // namespace

TEST_SUITE("observe: memory") {
  TEST_CASE("without a limit it is the machine's memory and our own") {
    Machine machine;
    auto memory = MemoryGauge(machine.root).read(0);
    CHECK(memory.used == 1000 * kPage);
    CHECK(memory.limit == 24684072ULL * 1024);
    CHECK(memory.limit_of == "machine");
  }

  TEST_CASE("the configuration's word is final") {
    Machine machine;
    machine.say("proc/self/cgroup", "0::/a\n");
    machine.say("sys/fs/cgroup/a/memory.max", "1000\n");
    auto memory = MemoryGauge(machine.root).read(2000 * kPage);
    CHECK(memory.share() == 0.5);
    CHECK(memory.limit_of == "configuration");
  }

  TEST_CASE("the smallest limit on the way up holds, with what that cgroup uses") {
    Machine machine;
    machine.say("proc/self/cgroup", "4:memory:/old\n0::/a/b\n");
    machine.say("sys/fs/cgroup/a/b/memory.max", "max\n");
    machine.say("sys/fs/cgroup/a/memory.max", "1000\n");
    machine.say("sys/fs/cgroup/a/memory.current", "900\n");
    machine.say("sys/fs/cgroup/a/memory.stat", "anon 400\nfile 300\ninactive_file 200\n");
    machine.say("sys/fs/cgroup/a/memory.pressure",
                "some avg10=9.00 avg60=0.00 avg300=0.00 total=1\n"
                "full avg10=2.50 avg60=0.00 avg300=0.00 total=1\n");
    auto memory = MemoryGauge(machine.root).read(0);
    CHECK(memory.used == 700);
    CHECK(memory.limit == 1000);
    CHECK(memory.limit_of == "cgroup");
    CHECK(memory.stalled == 2.5);
  }

  TEST_CASE("in a container the cgroup is the root") {
    Machine machine;
    machine.say("proc/self/cgroup", "0::/\n");
    machine.say("sys/fs/cgroup/memory.max", "4096\n");
    machine.say("sys/fs/cgroup/memory.current", "1024\n");
    CHECK(MemoryGauge(machine.root).read(0).share() == 0.25);
  }

  TEST_CASE("a machine that tells nothing is never full") {
    Machine machine;
    machine.say("proc/meminfo", "");
    machine.say("proc/self/statm", "");
    CHECK(MemoryGauge(machine.root).read(0).share() == 0);
  }

  TEST_CASE("this process uses some memory of this machine") {
    auto memory = MemoryGauge().read(0);
    CHECK(memory.used > 0);
    CHECK(memory.limit > memory.used);
  }
}
