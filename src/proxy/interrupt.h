#pragma once
// The one way to end a story from outside: the client is gone, its time is up, the process stops.
#include <optional>

#include "cirque/task.h"
#include "loop/loop.h"

namespace cirque::proxy {

// Lives with the exchange. One core.
class Interrupt : private loop::Deferred {
 public:
  explicit Interrupt(loop::Loop& loop) noexcept
      : Deferred([](Wake& w) noexcept { static_cast<Interrupt&>(w).wake(); }), loop_(loop) {}

  // The task in during() is cancelled at the end of this turn and comes to `error`. The first wins.
  void raise(const Error& error) noexcept {
    if (error_) return;
    error_ = error;
    if (waiter_) loop_.defer(*this);
  }

  bool is_raised() const noexcept { return error_.has_value(); }

  // co_await interrupt.during(task): the task's result, unless raise() comes first.
  template <class T>
  class During {
   public:
    During(Interrupt& interrupt, Task<T> task) noexcept
        : interrupt_(interrupt), task_(std::move(task)) {}

    ~During() { interrupt_.waiter_ = {}; }

    bool await_ready() const noexcept { return interrupt_.is_raised() || task_.is_ready(); }

    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
      interrupt_.waiter_ = waiter;
      return task_.await_suspend(waiter);
    }

    Result<T> await_resume() {
      interrupt_.waiter_ = {};
      interrupt_.unlink();
      if (task_.is_settled()) return task_.take();
      task_.cancel();
      return fail(*interrupt_.error_);
    }

   private:
    Interrupt& interrupt_;
    Task<T> task_;
  };

  template <class T>
  During<T> during(Task<T> task) noexcept {
    return {*this, std::move(task)};
  }

 private:
  void wake() noexcept {
    if (waiter_) waiter_.resume();
  }

  loop::Loop& loop_;
  std::optional<Error> error_;
  std::coroutine_handle<> waiter_;
};

}  // namespace cirque::proxy
