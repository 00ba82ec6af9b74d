#pragma once
// While it lives, threads are born deaf to signals: one that a thread of ours took by its default
// action would end the process, whatever the main thread has blocked since.
#include <csignal>

namespace cirque::base {

class Deafness {
 public:
  Deafness() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }

  Deafness(const Deafness&) = delete;
  Deafness& operator=(const Deafness&) = delete;

  ~Deafness() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace cirque::base
