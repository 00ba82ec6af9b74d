#include "loop/watchdog.h"

#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "base/log.h"
#include "loop/stack_trace.h"

namespace cirque::loop {
namespace {

constexpr char kUnknown = '?';

// proc(5): the letter after the command's closing parenthesis.
char state_of(int thread_id) {
  std::ifstream file(fmt::format("/proc/self/task/{}/stat", thread_id));
  std::string line;
  std::getline(file, line);
  auto after = line.rfind(')');
  return after + 2 < line.size() ? line[after + 2] : kUnknown;
}

Duration cpu_time_of(pthread_t thread) {
  clockid_t clock;
  timespec time{};
  if (pthread_getcpuclockid(thread, &clock) == 0) clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::int64_t milliseconds(Duration time) {
  return time / 1ms;
}

}  // namespace

void Watchdog::watch(const Loop& loop, pthread_t thread) {
  wards_.emplace_back(loop, thread, static_cast<unsigned>(wards_.size()));
}

void Watchdog::start() {
  prepare_stack_traces();
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "cirque-watchdog");
    run();
  });
}

void Watchdog::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Watchdog::run() {
  Time last = monotonic_now();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, apart(), [this] { return stopping_; })) {
    Time now = monotonic_now();
    for (auto& ward : wards_) look(ward, now - last);
    last = now;
  }
}

void Watchdog::look(Ward& ward, Duration passed) {
  auto held = ward.turn.held();
  if (!ward.turn.is_same(ward.loop.pulse())) {
    if (std::exchange(ward.told, false)) tell_end(ward, held);
    return;
  }
  ward.turn.add(spent(ward, passed), apart());
  held = ward.turn.held();
  if (held >= options_.warn && !std::exchange(ward.told, true)) tell(ward);
  if (options_.abort > Duration{} && held >= options_.abort) give_up(ward);
}

// The CPU time that it has used, or all of the time while it sleeps, on something that is not its
// loop's to wait for. While others have the CPU, or somebody holds the thread, it is not to blame.
Duration Watchdog::spent(Ward& ward, Duration passed) {
  auto cpu = cpu_time_of(ward.thread);
  auto ran = std::min(cpu - std::exchange(ward.cpu, cpu), passed);
  if (ran >= passed / 2) return ran;
  char state = state_of(ward.loop.thread_id());
  return state == 'S' || state == 'D' ? passed : ran;
}

// A worker may be stuck because it waits for the log: nothing here does.
void Watchdog::tell(Ward& ward) {
  ward.stalls.fetch_add(1, std::memory_order_relaxed);
  log::try_write(log::Level::Warn, "loop", "a worker is stuck",
                 {{"worker", ward.number},
                  {"for_ms", milliseconds(ward.turn.held())},
                  {"stack", stack_of(ward.thread)}});
}

void Watchdog::tell_end(Ward& ward, Duration held) {
  log::try_write(log::Level::Warn, "loop", "a worker that was stuck goes on",
                 {{"worker", ward.number}, {"after_ms", milliseconds(held)}});
}

// It will not come back by itself, and its clients are lost already; whoever started the process
// can start it anew. The core has the stacks of all threads.
void Watchdog::give_up(const Ward& ward) {
  log::try_write(log::Level::Error, "loop", "a worker is stuck for good, ending the process",
                 {{"worker", ward.number},
                  {"for_ms", milliseconds(ward.turn.held())},
                  {"stack", stack_of(ward.thread)}});
  std::abort();
}

}  // namespace cirque::loop
