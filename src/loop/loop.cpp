#include "loop/loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/check.h"

namespace cirque::loop {

Time monotonic_now() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

void Watch::attach() {
  if (attached_) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = this;
  CIRQUE_CHECK(epoll_ctl(loop_.epoll_, EPOLL_CTL_ADD, fd_, &event) == 0);
  attached_ = true;
}

void Watch::detach() noexcept {
  if (!attached_) return;
  epoll_ctl(loop_.epoll_, EPOLL_CTL_DEL, fd_, nullptr);
  forget();
}

void Watch::forget() noexcept {
  if (!attached_) return;
  attached_ = false;
  loop_.withdraw(*this);
}

void Watch::note(std::uint32_t events) noexcept {
  if (events & (EPOLLHUP | EPOLLERR)) saw_break = true;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) saw_end = true;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) may_read = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) may_write = true;
}

void Watch::wake() noexcept {
  // Each call may end the life of this watch; the loop knows.
  Loop& loop = loop_;
  if (may_read && reader) (*reader)();
  if (loop.dispatching_ != this) return;
  if (may_write && writer) (*writer)();
  if (loop.dispatching_ != this) return;
  if (saw_end && hangup) (*hangup)();
}

Loop::Loop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      now_(monotonic_now()),
      timers_(now_),
      events_(std::make_unique<epoll_event[]>(kEventsMax)),
      mail_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CIRQUE_CHECK(epoll_ >= 0 && mail_fd_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;  // mail
  CIRQUE_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, mail_fd_, &event) == 0);
}

Loop::~Loop() {
  close(mail_fd_);
  close(epoll_);
}

void Loop::read_clock() noexcept {
  now_ = monotonic_now();
}

std::int64_t Loop::unix_us() noexcept {
  if (std::exchange(unix_us_turn_, pulse()) == pulse()) return unix_us_;
  timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  return unix_us_ = std::int64_t{wall.tv_sec} * 1'000'000 + wall.tv_nsec / 1000;
}

void Loop::run() {
  thread_id_.store(gettid(), std::memory_order_relaxed);
  while (!stopping_) turn(Wait::Yes);
  stopping_ = false;
}

int Loop::wait_ms(Wait wait) const noexcept {
  if (wait == Wait::No || !deferred_.empty()) return 0;
  Time next = timers_.next();
  if (next == kNever) return -1;
  if (next <= now_) return 0;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now_).count();
  return static_cast<int>(std::min<std::int64_t>(left, 60'000));
}

void Loop::turn(Wait wait) {
  int count = epoll_wait(epoll_, events_.get(), kEventsMax, wait_ms(wait));
  read_clock();
  Time began = now_;
  beat();
  if (count > 0) dispatch(count);
  timers_.advance(now_);
  run_deferred();
  if (pulse() % 128 == 1) {  // one turn in 64: reading the clock twice a turn is not worth its cost
    auto took = (monotonic_now() - began).count();
    if (took > longest_ns_.load(std::memory_order_relaxed)) {
      longest_ns_.store(took, std::memory_order_relaxed);
    }
  }
  beat();
}

// In two passes: first everybody's readiness is noted, then whoever waits is woken. Who is woken
// and picks up an idle connection must know that something has come in on it, whatever the order of
// events.
void Loop::dispatch(int count) noexcept {
  event_count_ = count;
  for (event_at_ = 0; event_at_ < count; ++event_at_) {
    const epoll_event& event = events_[static_cast<std::size_t>(event_at_)];
    if (event.data.ptr) static_cast<Watch*>(event.data.ptr)->note(event.events);
  }
  for (event_at_ = 0; event_at_ < event_count_; ++event_at_) {
    const epoll_event& event = events_[static_cast<std::size_t>(event_at_)];
    if (!event.data.ptr) {
      if (event.events) open_mail();
      continue;
    }
    dispatching_ = static_cast<Watch*>(event.data.ptr);
    dispatching_->wake();
  }
  dispatching_ = nullptr;
  event_count_ = 0;
}

// A watch dies in the middle of a turn: events that the kernel already reported for it must not
// find it.
void Loop::withdraw(const Watch& watch) noexcept {
  if (dispatching_ == &watch) dispatching_ = nullptr;
  for (int i = event_at_; i < event_count_; ++i) {
    auto& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &watch) {
      event.data.ptr = nullptr;
      event.events = 0;
    }
  }
}

void Loop::run_deferred() noexcept {
  base::List<Deferred> now;
  now.splice(deferred_);
  while (auto* wake = now.pop_front()) (*wake)();
}

void Loop::send(Message message) {
  {
    std::lock_guard lock(mail_mutex_);
    mail_.push_back(std::move(message));
    if (mail_.size() > 1) return;  // somebody has rung already
  }
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = write(mail_fd_, &one, sizeof one);
}

void Loop::open_mail() noexcept {
  std::uint64_t rings;
  [[maybe_unused]] auto got = read(mail_fd_, &rings, sizeof rings);
  std::vector<Message> messages;
  {
    std::lock_guard lock(mail_mutex_);
    messages.swap(mail_);
  }
  for (auto& message : messages) message();
}

}  // namespace cirque::loop
