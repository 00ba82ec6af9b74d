#include "loop/scope.h"

namespace cirque::loop {

void Scope::spawn(Task<> task) {
  auto* child = new Child(*this, std::move(task));
  children_.push_back(*child);
  ++running_;
  child->start();
}

void Scope::cancel() noexcept {
  while (auto* child = children_.pop_front()) {
    --running_;
    delete child;
  }
}

void Scope::Child::settled() noexcept {
  --scope_.running_;
  delete this;  // the task is suspended at its end; its frame goes with us
}

}  // namespace cirque::loop
