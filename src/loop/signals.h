#pragma once
// Unix signals as events of a loop.
#include <functional>
#include <initializer_list>

#include "loop/loop.h"

namespace cirque::loop {

// From now on these wait for somebody who asks for them, in this thread and every thread that it
// starts.
void block_signals(std::initializer_list<int> signals);

// Blocks the signals for this thread and every thread it starts later, and hands them to
// `on_signal` on the loop's thread, one call a signal.
class Signals final : private Wake {
 public:
  using OnSignal = std::function<void(int signal)>;
  Signals(Loop& loop, std::initializer_list<int> signals, OnSignal on_signal);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

 private:
  void read_all();

  int fd_;
  OnSignal on_signal_;
  Watch watch_;
};

}  // namespace cirque::loop
