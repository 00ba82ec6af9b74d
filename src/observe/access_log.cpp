#include "observe/access_log.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include "base/log.h"
#include "observe/access_format.h"
#include "observe/access_ring.h"

namespace cirque::observe {
namespace {

constexpr std::size_t kBatchBytes = 256 * 1024;

// What the thread is doing, as the writers need to know it.
enum State : std::uint32_t {
  kAwake = 0,
  kNapping = 1,    // between two batches: woken only when a ring fills up
  kAsleep = 2,     // nothing to do: woken by the first record
};
// Long enough that a busy worker pays for no wake-up, short enough for somebody who watches the file.
constexpr timespec kNap{0, 50'000'000};
// A record and the falling asleep may cross unseen; then the line waits for this.
constexpr timespec kSleep{1, 0};

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value, const timespec& most) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, &most, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

AccessLog::Writer::Writer(AccessLog& log, std::size_t ring_bytes)
    : log_(log), ring_(std::make_unique<AccessRing>(ring_bytes)) {}
AccessLog::Writer::Writer(Writer&&) noexcept = default;
AccessLog::Writer::~Writer() = default;

void AccessLog::Writer::write(const AccessEntry& entry) noexcept {
  ring_->push(entry);
  auto state = log_.asleep_.load(std::memory_order_relaxed);
  if (state == kAsleep || (state == kNapping && ring_->is_half_full())) log_.wake();
}

AccessLog::AccessLog(const AccessLogOptions& options, unsigned writers) : options_(options) {
  fd_ = open_output();
  writers_.reserve(writers);
  for (unsigned i = 0; i < writers; ++i) writers_.emplace_back(*this, options.ring_bytes);
  thread_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
  stop_.store(true, std::memory_order_release);
  wake();
  thread_.join();
  if (options_.output == "file" && fd_ >= 0) close(fd_);
}

int AccessLog::open_output() const {
  if (options_.output == "stdout") return STDOUT_FILENO;
  if (options_.output == "stderr") return STDERR_FILENO;
  return open(options_.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

void AccessLog::wake() noexcept {
  if (asleep_.exchange(kAwake) != kAwake) futex_wake(asleep_);
}

void AccessLog::reopen() noexcept {
  reopen_.store(true, std::memory_order_release);
  wake();
}

void AccessLog::flush() {
  auto wanted = flush_wanted_.fetch_add(1) + 1;
  wake();
  for (auto seen = flushed_.load(); seen < wanted; seen = flushed_.load()) flushed_.wait(seen);
}

std::uint64_t AccessLog::dropped() const noexcept {
  std::uint64_t total = lost_lines_.load(std::memory_order_relaxed);
  for (const auto& writer : writers_) total += writer.ring_->dropped();
  return total;
}

void AccessLog::run() {
  pthread_setname_np(pthread_self(), "cirque-log");
  for (;;) {
    bool stopping = stop_.load(std::memory_order_acquire);
    auto wanted = flush_wanted_.load();
    if (reopen_.exchange(false) && options_.output == "file") {
      drain();   // what was logged before the rotation belongs in the old file
      int fd = open_output();
      if (fd >= 0) close(std::exchange(fd_, fd));
    }
    bool any = drain();
    flushed_.store(wanted);
    flushed_.notify_all();
    if (stopping) return;
    if (flush_wanted_.load() != wanted || stop_.load()) continue;
    asleep_.store(any ? kNapping : kAsleep);
    bool quiet = std::ranges::all_of(writers_, [](auto& w) { return w.ring_->is_empty(); });
    bool called = flush_wanted_.load() != wanted || stop_.load() || reopen_.load();
    if (!called && (any || quiet)) {
      futex_wait(asleep_, any ? kNapping : kAsleep, any ? kNap : kSleep);
    }
    asleep_.store(kAwake);
  }
}

bool AccessLog::drain() {
  static thread_local AccessFormatter formatter;
  bool any = false;
  for (auto& writer : writers_) {
    while (auto entry = writer.ring_->front()) {
      any = true;
      formatter.append(lines_, options_.format, *entry);
      writer.ring_->pop();
      if (lines_.size() < kBatchBytes) continue;
      put(lines_);
      lines_.clear();
    }
  }
  if (!lines_.empty()) put(lines_);
  lines_.clear();
  return any;
}

void AccessLog::put(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    auto written = ::write(fd_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    auto lost = static_cast<std::uint64_t>(std::ranges::count(bytes, '\n'));
    lost_lines_.fetch_add(lost, std::memory_order_relaxed);
    log::error("observe", "access log lines lost", {{"errno", errno}, {"lines", lost}});
    return;
  }
}

}  // namespace cirque::observe
