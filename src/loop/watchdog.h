#pragma once
// Watches loops from a thread of its own: a turn that does not end keeps every client of its worker
// waiting, and nobody on that worker can tell.
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>

#include "cirque/clock.h"
#include "loop/loop.h"

namespace cirque::loop {

// How long one turn has gone on. Time counts only while the thread could have ended it: not while
// the whole process stood still (SIGSTOP, a debugger, a suspended machine), nor while the thread
// was ready to run and got no CPU.
class LongTurn {
 public:
  // A look at the loop's pulse. True: it is still in the turn of the last look.
  bool is_same(std::uint64_t pulse) noexcept {
    bool same = pulse == pulse_ && pulse % 2 == 1;
    if (!same) held_ = {};
    pulse_ = pulse;
    return same;
  }

  // `passed` since the last look; of a long gap only as much as looks are apart.
  void add(Duration passed, Duration apart) noexcept { held_ += std::min(passed, 2 * apart); }

  Duration held() const noexcept { return held_; }

 private:
  std::uint64_t pulse_ = 0;
  Duration held_{};
};

struct WatchdogOptions {
  Duration warn = 100ms;
  Duration abort{};  // 0: never
};

class Watchdog {
 public:
  explicit Watchdog(WatchdogOptions options) : options_(options) {}

  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  ~Watchdog() { stop(); }

  // Before start(): a loop, and the thread that runs it. Both outlive stop(). They are numbered
  // from 0 in the order in which they come.
  void watch(const Loop& loop, pthread_t thread);
  void start();
  void stop();

  // Any thread, from start() on: turns of that loop that took longer than `warn`.
  std::uint64_t stalls(std::size_t number) const noexcept {
    return number < wards_.size() ? wards_[number].stalls.load(std::memory_order_relaxed) : 0;
  }

 private:
  struct Ward {
    Ward(const Loop& l, pthread_t t, unsigned n) : loop(l), thread(t), number(n) {}

    const Loop& loop;
    pthread_t thread;
    unsigned number;
    LongTurn turn;
    Duration cpu{};     // that the thread had used at the last look
    bool told = false;  // that this turn is too long
    std::atomic<std::uint64_t> stalls{0};
  };

  void run();
  void look(Ward& ward, Duration passed);
  static Duration spent(Ward& ward, Duration passed);
  static void tell(Ward& ward);
  static void tell_end(Ward& ward, Duration held);
  [[noreturn]] static void give_up(const Ward& ward);

  Duration apart() const noexcept { return options_.warn / 4; }

  WatchdogOptions options_;
  std::deque<Ward> wards_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
};

}  // namespace cirque::loop
