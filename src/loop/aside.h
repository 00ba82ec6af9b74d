#pragma once
// Work that takes long, done beside a loop: on a thread of its own, which gives way to those that
// serve. One piece of work at a time, in the order in which they were asked for.
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/list.h"
#include "loop/loop.h"

namespace cirque::loop {

// Lives on the loop, which outlives it.
class Aside {
 public:
  explicit Aside(Loop& loop) noexcept : loop_(loop) {}

  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  ~Aside();  // waits for the thread, if it works

  // co_await aside.run(work): what `work` returns. It runs on the other thread, and must not touch
  // anything of this one, nor throw. Who no longer awaits it takes no notice of what it comes to;
  // if it has not begun, it never does.
  template <class Work>
  auto run(Work work);

 private:
  // What a thread is given. It may outlive who asked for it.
  struct Job {
    std::move_only_function<void()> work;
    std::coroutine_handle<> waiter;  // null: nobody wants to know any more
  };

  struct Waiting : base::ListHook {
    std::shared_ptr<Job> job;
  };

  template <class Result>
  class Run;

  void ask(Waiting& waiting);
  void begin(std::shared_ptr<Job> job);
  void over(const std::shared_ptr<Job>& job);

  Loop& loop_;
  std::thread thread_;  // joinable: it works, or nobody has noticed yet that it does not
  base::List<Waiting> line_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

template <class Result>
class Aside::Run {
 public:
  template <class Work>
  Run(Aside& aside, Work work) : aside_(aside), result_(std::make_shared<std::optional<Result>>()) {
    waiting_.job = std::make_shared<Job>();
    waiting_.job->work = [result = result_, work = std::move(work)]() mutable {
      result->emplace(work());
    };
  }

  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  ~Run() { waiting_.job->waiter = {}; }

  bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> waiter) {
    waiting_.job->waiter = waiter;
    aside_.ask(waiting_);
  }

  Result await_resume() { return std::move(**result_); }

 private:
  Aside& aside_;
  Waiting waiting_;
  std::shared_ptr<std::optional<Result>> result_;
};

template <class Work>
auto Aside::run(Work work) {
  return Run<std::invoke_result_t<Work&>>(*this, std::move(work));
}

}  // namespace cirque::loop
