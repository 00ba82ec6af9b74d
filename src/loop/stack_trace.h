#pragma once
// Where another thread is just now: the addresses on its stack, which it writes down itself when a
// signal comes to it.
#include <pthread.h>

#include <string>

namespace cirque::loop {

// Once, before the first thread whose stack is asked for: installs the signal's handler, and has
// the unwinder loaded, which allocates at its first use and never again.
void prepare_stack_traces();

// The calls that `thread` is in, innermost first, as "module+0xoffset" with a space between; these
// are what addr2line takes. Functions that a module exports have their names too. Empty when the
// thread has not answered within a moment, as one that waits in the kernel for a disk may not. One
// thread at a time may ask, for a thread that has not been joined.
std::string stack_of(pthread_t thread);

}  // namespace cirque::loop
