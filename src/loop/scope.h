#pragma once
// A Scope owns running tasks that nobody awaits. When it dies they are cancelled: nothing is
// detached.
#include <functional>
#include <memory>

#include "base/list.h"
#include "cirque/task.h"

namespace cirque::loop {

class Scope {
 public:
  Scope() = default;
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  ~Scope() { cancel(); }

  // Starts the task at once. It must not refer to anything that dies before the scope.
  void spawn(Task<> task);
  void cancel() noexcept;

  std::size_t running() const noexcept { return running_; }

 private:
  class Child final : public base::ListHook, public detail::Owner {
   public:
    Child(Scope& scope, Task<> task) noexcept : scope_(scope), task_(std::move(task)) {}

    void start() { task_.start(this); }

    void settled() noexcept override;

   private:
    Scope& scope_;
    Task<> task_;
  };

  base::List<Child> children_;
  std::size_t running_ = 0;
};

}  // namespace cirque::loop
