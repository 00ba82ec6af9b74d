#include "loop/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"

namespace cirque::loop {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  return set;
}

int block_and_open(std::initializer_list<int> signals) {
  block_signals(signals);
  sigset_t set = set_of(signals);
  int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  CIRQUE_CHECK(fd >= 0);
  return fd;
}

}  // namespace

void block_signals(std::initializer_list<int> signals) {
  sigset_t set = set_of(signals);
  CIRQUE_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

Signals::Signals(Loop& loop, std::initializer_list<int> signals, OnSignal on_signal)
    : Wake([](Wake& w) noexcept { static_cast<Signals&>(w).read_all(); }),
      fd_(block_and_open(signals)),
      on_signal_(std::move(on_signal)),
      watch_(loop, fd_) {
  watch_.reader = this;
  watch_.attach();
}

Signals::~Signals() {
  watch_.forget();
  close(fd_);
}

void Signals::read_all() {
  signalfd_siginfo info;
  while (read(fd_, &info, sizeof info) == sizeof info) on_signal_(static_cast<int>(info.ssi_signo));
}

}  // namespace cirque::loop
