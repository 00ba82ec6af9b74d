#pragma once
// One core's turn: readiness, timers, mail, what was put off. Everything that lives on a loop is
// touched by its thread alone; send() is the one way in from outside.
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/list.h"
#include "cirque/clock.h"
#include "loop/timers.h"

struct epoll_event;

namespace cirque::loop {

class Loop;

// A call to the clock.
Time monotonic_now() noexcept;

// For those who have no loop at hand: when the turn that this thread is in began, as Loop::now()
// has it. Outside of turns a call to the clock.
Time turn_time() noexcept;

// Something the loop calls back: a waiting coroutine or an object. Must be withdrawn before it
// dies.
class Wake {
 public:
  using Run = void (*)(Wake&) noexcept;

  explicit Wake(Run run) noexcept : run_(run) {}

  void operator()() noexcept { run_(*this); }

 private:
  Run run_;
};

// A Wake that can be put off to the end of the turn, and withdraws itself when it dies.
class Deferred : public Wake, public base::ListHook {
 public:
  using Wake::Wake;
};

// A descriptor and what is known of its readiness. Registered with epoll once, edge-triggered, for
// everything; the flags say what the kernel has promised since the last try. Does not own the
// descriptor, and must die before it is closed. Linked while it is ready and not woken yet.
class Watch : public base::ListHook {
 public:
  Watch(Loop& loop, int fd) noexcept : loop_(loop), fd_(fd) {}

  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  ~Watch() { detach(); }

  // Idempotent. A descriptor that never has to wait is never registered, which saves a call.
  void attach();
  // Out of epoll, for a descriptor that moves to another loop.
  void detach() noexcept;
  // The descriptor is about to be closed, which takes it out of epoll without a call.
  void forget() noexcept;

  int fd() const noexcept { return fd_; }

  Loop& loop() const noexcept { return loop_; }

  // Before the kernel has said anything, trying is the way to find out.
  bool may_read = true;
  bool may_write = true;
  bool saw_end = false;    // the other side has sent its last byte (FIN)
  bool saw_break = false;  // the connection is gone in both directions (RST, or both FINs)

  // Woken before the others: set for what brings work to its end, so that a loop with more to do
  // than it can do at once finishes what it has begun before it begins more, and has less of
  // everything in hand. Who waits to write is urgent in any case.
  bool urgent = false;

  Wake* reader = nullptr;  // called when may_read becomes true
  Wake* writer = nullptr;  // called when may_write becomes true
  Wake* hangup = nullptr;  // called when saw_end or saw_break becomes true

 private:
  friend class Loop;
  void note(std::uint32_t events) noexcept;
  bool wake() noexcept;  // false: nobody waited for what it was ready for

  bool is_urgent() const noexcept { return urgent || writer; }

  Loop& loop_;
  int fd_;
  bool attached_ = false;
};

class Loop {
 public:
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // Turns until stop(). The calling thread is the loop's from now on.
  void run();

  void stop() noexcept { stopping_ = true; }  // from the loop's own thread
  // One turn; waits for something to happen only if `wait` says so.
  enum class Wait : bool { No, Yes };
  void turn(Wait wait);

  Time now() const noexcept { return now_; }  // read once a turn

  std::int64_t unix_us() noexcept;  // wall clock, read once a turn too, if anybody asks

  TimerWheel& timers() noexcept { return timers_; }

  void defer(Deferred& wake) noexcept { deferred_.push_back(wake); }

  // Wakes its reader when those have been woken who are ready now: after as long as a request waits
  // that came in at this moment. No descriptor is asked; one that lines up already stays there.
  void line_up(Watch& watch) noexcept {
    if (!watch.is_linked()) patient_.push_back(watch);
  }

  // Any thread: `message` runs on this loop's thread, in order. Dropped when the loop is gone.
  using Message = std::move_only_function<void()>;
  void send(Message message);

  // co_await loop.breathe(): lets everybody else have a turn.
  struct Breathe : Deferred {
    explicit Breathe(Loop& l) noexcept
        : Deferred([](Wake& w) noexcept { static_cast<Breathe&>(w).waiter.resume(); }), loop(l) {}

    bool await_ready() const noexcept { return false; }

    void await_suspend(std::coroutine_handle<> h) noexcept {
      waiter = h;
      loop.defer(*this);
    }

    void await_resume() const noexcept {}

    Loop& loop;
    std::coroutine_handle<> waiter;
  };

  Breathe breathe() noexcept { return Breathe(*this); }

  // co_await loop.sleep_until(time)
  struct Sleep : Timer {
    Sleep(Loop& l, Time until) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Sleep&>(t).waiter.resume(); }),
          loop(l),
          until_(until) {}

    bool await_ready() const noexcept { return false; }

    void await_suspend(std::coroutine_handle<> h) noexcept {
      waiter = h;
      arm(loop.timers(), until_);
    }

    void await_resume() const noexcept {}

    Loop& loop;
    Time until_;
    std::coroutine_handle<> waiter;
  };

  Sleep sleep_until(Time until) noexcept { return {*this, until}; }

  Sleep sleep(Duration time) noexcept { return {*this, now_ + time}; }

  std::uint64_t turns() const noexcept { return (pulse() + 1) / 2; }

  // Any thread. Odd during a turn, even while the loop waits for something to happen: one that
  // stays odd is a turn that keeps everybody waiting (loop/watchdog.h).
  std::uint64_t pulse() const noexcept { return pulse_.load(std::memory_order_relaxed); }

  // Any thread: the kernel's number of the thread in run(); 0 before.
  int thread_id() const noexcept { return thread_id_.load(std::memory_order_relaxed); }

  // Any thread: how many turns there were, and how long the longest of those sampled since the last
  // call kept everybody waiting.
  struct Pulse {
    std::uint64_t turns = 0;
    Duration longest{};
  };

  Pulse take_pulse() noexcept {
    return {turns(), Duration(longest_ns_.exchange(0, std::memory_order_relaxed))};
  }

 private:
  friend class Watch;
  static constexpr int kEventsMax = 256;
  // Woken in one turn. Few enough that what they touch stays in the core's own cache until its end,
  // where short messages leave (net/outbox.h); enough that epoll_wait() is a small part of a turn.
  static constexpr int kWakesMax = 64;
  // Of these, kept for who is not urgent, so that nobody starves. Well below a half, or what is in
  // hand would never become less.
  static constexpr int kPatientShare = 16;

  // Its only writer is the loop's thread: an addition without a lock prefix.
  void beat() noexcept { pulse_.store(pulse() + 1, std::memory_order_relaxed); }

  void read_clock() noexcept;
  void take_note(int count) noexcept;
  void wake_ready() noexcept;
  bool wake_first_of(base::List<Watch>& ready) noexcept;

  bool has_ready() const noexcept { return !urgent_.empty() || !patient_.empty(); }

  void run_deferred() noexcept;
  void open_mail() noexcept;
  int wait_ms(Wait wait) const noexcept;
  void withdraw(Watch& watch) noexcept;

  int epoll_ = -1;
  Time now_;
  std::int64_t unix_us_ = 0;
  std::uint64_t unix_us_turn_ = UINT64_MAX;
  TimerWheel timers_;
  base::List<Deferred> deferred_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> pulse_{0};
  std::atomic<std::int64_t> longest_ns_{0};
  std::atomic<int> thread_id_{0};

  std::unique_ptr<epoll_event[]> events_;
  // Ready and not woken yet, in the order in which they became so.
  base::List<Watch> urgent_;
  base::List<Watch> patient_;
  Watch* waking_ = nullptr;

  int mail_fd_ = -1;
  std::mutex mail_mutex_;
  std::vector<Message> mail_;
};

}  // namespace cirque::loop
