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

// Time{}: in none.
static thread_local Time turn_began{};

Time turn_time() noexcept {
  return turn_began != Time{} ? turn_began : monotonic_now();
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

bool Watch::wake() noexcept {
  // Each call may end the life of this watch; the loop knows.
  Loop& loop = loop_;
  bool has_woken = false;
  auto call = [&](Wake* wake) {
    has_woken = true;
    (*wake)();
    return loop.waking_ == this;
  };
  if (may_read && reader && !call(reader)) return true;
  if (may_write && writer && !call(writer)) return true;
  if (saw_end && hangup) call(hangup);
  return has_woken;
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
  if (wait == Wait::No || !deferred_.empty() || has_ready()) return 0;
  Time next = timers_.next();
  if (next == kNever) return -1;
  if (next <= now_) return 0;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now_).count();
  return static_cast<int>(std::min<std::int64_t>(left, 60'000));
}

void Loop::turn(Wait wait) {
  int count = epoll_wait(epoll_, events_.get(), kEventsMax, wait_ms(wait));
  read_clock();
  turn_began = now_;
  beat();
  take_note(count);
  wake_ready();
  timers_.advance(now_);
  run_deferred();
  if (pulse() % 128 == 1) {  // one turn in 64: reading the clock twice a turn is not worth its cost
    auto took = (monotonic_now() - turn_began).count();
    if (took > longest_ns_.load(std::memory_order_relaxed)) {
      longest_ns_.store(took, std::memory_order_relaxed);
    }
  }
  turn_began = {};
  beat();
}

// Everybody's readiness is noted before anybody is woken: who is woken and picks up an idle
// connection must know that something has come in on it, whatever the order of events.
void Loop::take_note(int count) noexcept {
  bool rung = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    auto* watch = static_cast<Watch*>(event.data.ptr);
    if (!watch) {
      rung = true;
      continue;
    }
    watch->note(event.events);
    if (!watch->is_linked()) (watch->is_urgent() ? urgent_ : patient_).push_back(*watch);
  }
  if (rung) open_mail();
}

void Loop::wake_ready() noexcept {
  int woken = 0;
  while (woken < kWakesMax - kPatientShare && !urgent_.empty()) woken += wake_first_of(urgent_);
  while (woken < kWakesMax && !patient_.empty()) woken += wake_first_of(patient_);
  waking_ = nullptr;
}

bool Loop::wake_first_of(base::List<Watch>& ready) noexcept {
  waking_ = ready.pop_front();
  return waking_->wake();
}

// A watch dies: what the kernel has already reported for it must not find it.
void Loop::withdraw(Watch& watch) noexcept {
  if (waking_ == &watch) waking_ = nullptr;
  watch.unlink();
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
