#pragma once
// Task<T>: a computation that may wait, owned by whoever holds it. Destroying a Task cancels it.
//
//   Result<T> r = co_await task;       look at the error yourself
//   T value     = co_await ok(task);   an error ends the awaiting task too
//
// A Task starts when it is awaited, runs on the core that awaits it, and must not outlive anything
// it refers to: await it in the full expression that makes it. An exception that escapes a task
// becomes Fault::Bug.
//
// A function that need not wait this time returns its result as it is, and costs no frame:
//
//   Task<Peer> choose(Exchange&) override { return Peer{...}; }
#include <coroutine>
#include <cstddef>
#include <new>
#include <optional>
#include <utility>

#include "cirque/result.h"

namespace cirque {

namespace detail {

// Coroutine frames come from free lists of the core they run on (src/base/frames.cpp).
void* take_frame(std::size_t bytes);
void give_frame(void* frame, std::size_t bytes) noexcept;

// Told when a task that nobody awaits has settled. May destroy the task.
class Owner {
 public:
  virtual void settled() noexcept = 0;

 protected:
  ~Owner() = default;
};

struct Frame {
  std::coroutine_handle<> waiter;  // resumed when this task has settled
  Frame* climbs_to = nullptr;      // set by ok(): an error goes straight to that frame
  Owner* owner = nullptr;          // for a task that nobody awaits
  bool failed = false;
  Error error{};

  static void* operator new(std::size_t bytes) { return take_frame(bytes); }

  static void operator delete(void* frame, std::size_t bytes) noexcept { give_frame(frame, bytes); }

  void settle_with(const Error& e) noexcept {
    error = e;
    failed = true;
  }

  // An error climbs over every frame that said ok(); those frames are never woken, only destroyed.
  static std::coroutine_handle<> settled(Frame* frame) noexcept {
    while (frame->failed && frame->climbs_to) {
      frame->climbs_to->settle_with(frame->error);
      frame = frame->climbs_to;
    }
    if (frame->waiter) return frame->waiter;
    if (frame->owner) frame->owner->settled();
    return std::noop_coroutine();
  }

  struct Settle {
    bool await_ready() noexcept { return false; }

    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      return settled(&self.promise());
    }

    void await_resume() noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }

  Settle final_suspend() noexcept { return {}; }

  void unhandled_exception() noexcept {
    settle_with({.fault = Fault::Bug, .reason = "internal_error"});
  }
};

}  // namespace detail

template <class T = Unit>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::Frame {
    std::optional<T> value;

    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }

    void return_value(T v) { value.emplace(std::move(v)); }

    void return_value(std::unexpected<Error> e) { settle_with(e.error()); }

    void return_value(Result<T> r) {
      if (r) {
        value.emplace(std::move(*r));
      } else {
        settle_with(r.error());
      }
    }
  };

  using Handle = std::coroutine_handle<promise_type>;

  Task() noexcept = default;

  Task(T value) : result_(std::move(value)) {}

  Task(std::unexpected<Error> e) noexcept : result_(std::move(e)) {}

  Task(Result<T> result) : result_(std::move(result)) {}

  Task(Task&& other) noexcept
      : handle_(std::exchange(other.handle_, {})), result_(std::move(other.result_)) {}

  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(result_, other.result_);
    return *this;
  }

  ~Task() { cancel(); }

  explicit operator bool() const noexcept { return handle_ || result_; }

  // The result came without a coroutine: there is nothing to wait for.
  bool is_ready() const noexcept { return !handle_; }

  // An error may have climbed out of it: then it is settled, but not at its end.
  bool is_settled() const noexcept {
    return result_ || (handle_ && (handle_.done() || handle_.promise().failed));
  }

  void cancel() noexcept {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

  // Runs the task without anybody awaiting it, until it first waits. `owner`, which may be null, is
  // told when it has settled.
  void start(detail::Owner* owner) {
    if (handle_) {
      handle_.promise().owner = owner;
      handle_.resume();
    } else if (owner) {
      owner->settled();
    }
  }

  // What a settled task came to.
  Result<T> take() {
    if (!handle_) return std::move(*result_);
    auto& p = handle_.promise();
    if (p.failed) return std::unexpected(p.error);
    return std::move(*p.value);
  }

  bool await_ready() const noexcept { return is_ready(); }

  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
    handle_.promise().waiter = waiter;
    return handle_;
  }

  Result<T> await_resume() { return take(); }

  Handle handle() const { return handle_; }

  // Of a task that is ready.
  std::optional<Result<T>>& result() noexcept { return result_; }

  const std::optional<Result<T>>& result() const noexcept { return result_; }

  // Whoever takes the coroutine destroys it.
  Handle release() noexcept { return std::exchange(handle_, {}); }

 private:
  explicit Task(Handle h) : handle_(h) {}

  Handle handle_;
  std::optional<Result<T>> result_;
};

template <class T>
struct [[nodiscard]] OkTask {
  Task<T> task;

  bool await_ready() const noexcept { return task.is_ready() && task.result()->has_value(); }

  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> waiter) noexcept {
    auto& mine = waiter.promise();
    if (task.is_ready()) {
      mine.settle_with(task.result()->error());
      return detail::Frame::settled(&mine);
    }
    auto& p = task.handle().promise();
    p.waiter = waiter;
    p.climbs_to = &mine;
    return task.handle();
  }

  T await_resume() {
    if (task.is_ready()) return std::move(**task.result());
    return std::move(*task.handle().promise().value);
  }
};

template <class T>
struct [[nodiscard]] OkResult {
  Result<T> result;

  bool await_ready() const noexcept { return result.has_value(); }

  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
    self.promise().settle_with(result.error());
    return detail::Frame::settled(&self.promise());
  }

  T await_resume() { return std::move(*result); }
};

template <class T>
OkTask<T> ok([[clang::lifetimebound]] Task<T>&& t) {
  return {std::move(t)};
}

template <class T>
OkResult<T> ok(Result<T> r) {
  return {std::move(r)};
}

}  // namespace cirque
