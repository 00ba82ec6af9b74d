#include "loop/aside.h"

#include <pthread.h>
#include <unistd.h>

#include "base/deafness.h"

namespace cirque::loop {
namespace {

// A tenth of the claim to a core that a worker has, where they have to share one.
constexpr int kNicer = 10;

}  // namespace

Aside::~Aside() {
  *alive_ = false;
  if (thread_.joinable()) thread_.join();
}

void Aside::ask(Waiting& waiting) {
  if (thread_.joinable()) return line_.push_back(waiting);
  begin(waiting.job);
}

void Aside::begin(std::shared_ptr<Job> job) {
  base::Deafness deafness;
  thread_ = std::thread([this, job = std::move(job), alive = alive_, &loop = loop_]() mutable {
    pthread_setname_np(pthread_self(), "cirque-aside");
    [[maybe_unused]] int niceness = ::nice(kNicer);  // of this thread alone, as Linux has it
    job->work();
    loop.send([this, job = std::move(job), alive = std::move(alive)] {
      if (*alive) over(job);
    });
  });
}

// The next one begins first: whoever waited for this one may end our life.
void Aside::over(const std::shared_ptr<Job>& job) {
  thread_.join();
  if (auto* next = line_.pop_front()) begin(next->job);
  if (auto waiter = std::exchange(job->waiter, {})) waiter.resume();
}

}  // namespace cirque::loop
