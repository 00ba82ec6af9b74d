#pragma once
// A connected byte stream: try, and if the kernel says no, wait. It knows nothing of messages.
#include <sys/uio.h>

#include <coroutine>
#include <span>
#include <string_view>

#include "base/blocks.h"
#include "cirque/clock.h"
#include "cirque/result.h"
#include "cirque/task.h"
#include "loop/loop.h"
#include "net/pace.h"
#include "net/socket.h"

namespace cirque::net {

// What one try to read came to.
struct Taken {
  enum class Kind : std::uint8_t { Some, Again, End };
  Kind kind;
  std::size_t bytes = 0;
};

// One core. At most one reader and one writer wait at a time. Errors carry `side`, which the owner
// sets, and the reasons of that side.
class Stream {
 public:
  Stream(loop::Loop& loop, Fd fd, Side side) noexcept;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream();

  // Never waits. A short read means the kernel has no more, so it is not asked again before it says
  // so.
  virtual Result<Taken> take(std::span<char> into) noexcept;
  // Never waits: the bytes accepted, 0 when there is no room.
  virtual Result<std::size_t> give(std::span<const iovec> pieces) noexcept;
  // No more bytes will be written (FIN).
  virtual void end_writing() noexcept;

  // What is written from now on waits for the FIN, which has to follow at once, by end_writing() or
  // by the end of this stream: one segment instead of two, and the other side wakes up once.
  void end_follows() noexcept { end_follows_ = true; }

  // co_await stream.readable(until): Result<Unit>; Fault::Timeout when `until` has passed.
  class Readable;
  Readable readable(Time until) noexcept;
  // co_await stream.writable(until)
  class Writable;
  Writable writable(Time until) noexcept;

  // Writes everything, at once if the kernel takes it. What it does not take is copied: the pieces
  // need only be good during the call. `pace` is how slowly the other side may take it.
  Task<> write(std::span<const iovec> pieces, const Pace& pace, base::Blocks& blocks);
  // What a give() has left over.
  Task<> write_rest(base::Block kept, std::size_t size, Pace pace);

  // It has not taken what we wrote in time.
  Error took_too_long() const noexcept;

  // Nothing has come in that was not taken, and the other side has not ended. Asks the kernel only
  // when the last read left that open.
  bool is_quiet() noexcept;

  void reset_on_close() noexcept { net::reset_on_close(watch_.fd()); }

  // Calls `wake` when bytes (or the end) are there or `until` has passed, with timed_out() to tell:
  // waiting without a coroutine, for connections that idle by the thousand.
  void expect(loop::Wake& wake, Time until) noexcept;
  void expect_nothing() noexcept;
  // Who waits so waits no longer than this.
  void expect_sooner(Time until) noexcept;

  bool timed_out() const noexcept { return timed_out_; }

  loop::Watch& watch() noexcept { return watch_; }

  const loop::Watch& watch() const noexcept { return watch_; }

  loop::Loop& loop() const noexcept { return watch_.loop(); }

  Side side() const noexcept { return side_; }

  // Gives the descriptor away, out of this loop.
  Fd release() noexcept;

 protected:
  loop::Watch watch_;
  Fd fd_;
  Side side_;
  bool timed_out_ = false;
  bool end_follows_ = false;

 private:
  Error broken() const noexcept;
  static void on_timer(loop::Timer& timer) noexcept;

  struct ReadTimer : loop::Timer {
    explicit ReadTimer(Stream& s) noexcept : Timer(on_timer), stream(s) {}

    Stream& stream;
  };

  ReadTimer timer_;
};

class Stream::Readable : public loop::Wake {
 public:
  Readable(Stream& stream, Time until) noexcept
      : Wake([](Wake& w) noexcept { static_cast<Readable&>(w).waiter_.resume(); }),
        stream_(stream),
        until_(until) {}

  Readable(const Readable&) = delete;

  ~Readable() {
    if (waiter_) stream_.expect_nothing();
  }

  bool await_ready() const noexcept { return stream_.watch_.may_read; }

  void await_suspend(std::coroutine_handle<> waiter) noexcept {
    waiter_ = waiter;
    stream_.expect(*this, until_);
  }

  Result<Unit> await_resume() noexcept;

 private:
  Stream& stream_;
  Time until_;
  std::coroutine_handle<> waiter_;
};

class Stream::Writable : public loop::Wake {
 public:
  Writable(Stream& stream, Time until) noexcept
      : Wake([](Wake& w) noexcept { static_cast<Writable&>(w).waiter_.resume(); }),
        stream_(stream),
        until_(until),
        timer_(*this) {}

  Writable(const Writable&) = delete;

  ~Writable() {
    if (waiter_) stream_.watch_.writer = nullptr;
  }

  bool await_ready() const noexcept { return stream_.watch_.may_write; }

  void await_suspend(std::coroutine_handle<> waiter) noexcept;
  Result<Unit> await_resume() noexcept;

 private:
  struct WriteTimer : loop::Timer {
    explicit WriteTimer(Writable& w) noexcept
        : Timer([](Timer& t) noexcept {
            auto& self = static_cast<WriteTimer&>(t).writable;
            self.timed_out_ = true;
            self();
          }),
          writable(w) {}

    Writable& writable;
  };

  Stream& stream_;
  Time until_;
  bool timed_out_ = false;
  std::coroutine_handle<> waiter_;
  WriteTimer timer_;
};

inline Stream::Readable Stream::readable(Time until) noexcept {
  return {*this, until};
}

inline Stream::Writable Stream::writable(Time until) noexcept {
  return {*this, until};
}

inline std::size_t size_of(std::span<const iovec> pieces) noexcept {
  std::size_t total = 0;
  for (const auto& piece : pieces) total += piece.iov_len;
  return total;
}

inline iovec piece_of(std::string_view text) noexcept {
  return {const_cast<char*>(text.data()), text.size()};
}

}  // namespace cirque::net
