#include "base/permit_ledger.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <thread>
#include <vector>

#include "base/random.h"

namespace cirque::base {
namespace {

thread_local Random hesitation(0);

// Lets others go first now and then, so that threads meet between any two steps, as they would
// once in a long time with plain atomics.
template <class T>
class Hesitant {
 public:
  Hesitant(T value) : value_(value) {}

  T load() const { return hesitated().load(); }

  void store(T wanted) { hesitated().store(wanted); }

  T fetch_add(T more) { return hesitated().fetch_add(more); }

  T fetch_sub(T less) { return hesitated().fetch_sub(less); }

  bool compare_exchange_weak(T& seen, T wanted) {
    return hesitated().compare_exchange_weak(seen, wanted);
  }

 private:
  std::atomic<T>& hesitated() const {
    if (hesitation.next() % 4 == 0) std::this_thread::yield();
    return value_;
  }

  mutable std::atomic<T> value_;
};

using Ledger = PermitLedger<Hesitant>;

// One worker with one request at a time, which waits or goes away.
class Worker {
 public:
  Worker(Ledger& ledger, std::uint32_t number) : ledger_(ledger), number_(number) {
    auto wake = [](void* worker) noexcept { static_cast<Worker*>(worker)->is_woken_ = true; };
    ledger_.set_wake(number, {.call = wake, .context = this});
  }

  // False: nobody has brought a permit for far too long.
  bool wait_for_permit(bool is_patient, Random& random) {
    if (ledger_.take_unless_waited_for()) return true;
    if (!ledger_.reserve()) return false;
    ledger_.set_front(number_, ledger_.next_ticket());
    ledger_.join(number_);
    auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (true) {
      if (is_woken_.exchange(false) && ledger_.fetch(number_)) return true;
      if (!is_patient && random.next() % 8 == 0) break;
      if (std::chrono::steady_clock::now() > give_up_at) break;
      std::this_thread::yield();
    }
    ledger_.leave(number_);
    return false;
  }

 private:
  Ledger& ledger_;
  std::uint32_t number_;
  std::atomic<bool> is_woken_{false};
};

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("a permit finds who waits for it, wherever threads meet") {
  constexpr std::uint32_t kWorkers = 3;
  for (std::uint32_t round = 0; round < 300; ++round) {
    std::uint32_t permits = 1 + round % 2;
    Ledger ledger(permits, 100, kWorkers);
    std::deque<Worker> workers;
    for (std::uint32_t number = 0; number < kWorkers; ++number)
      workers.emplace_back(ledger, number);
    std::atomic<std::uint32_t> out{0};
    std::atomic<int> overruns{0};
    std::atomic<int> forgotten{0};
    auto work = [&](std::uint32_t number) {
      hesitation = Random(round * kWorkers + number);
      Random random(hesitation.next());
      // The first one never gives up.
      for (int i = 0; i < 20 && forgotten == 0; ++i) {
        bool is_patient = number == 0;
        if (workers[number].wait_for_permit(is_patient, random)) {
          overruns += ++out > permits;
          std::this_thread::yield();
          --out;
          ledger.release();
        } else if (is_patient) {
          ++forgotten;
        }
      }
    };
    {
      std::vector<std::jthread> threads;
      for (std::uint32_t number = 0; number < kWorkers; ++number)
        threads.emplace_back(work, number);
    }
    REQUIRE(overruns == 0);
    REQUIRE(forgotten == 0);
    REQUIRE(ledger.in_use() == 0);
    REQUIRE(ledger.waiting() == 0);
  }
}

TEST_SUITE_END();

}  // namespace cirque::base
