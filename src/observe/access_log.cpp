#include "observe/access_log.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>
#include <ctime>
#include <system_error>
#include <utility>

#include "base/deafness.h"
#include "base/log.h"
#include "observe/access_format.h"
#include "observe/line_ring.h"

namespace cirque::observe {
namespace {

// More than the longest line, so that it always fits an empty ring.
constexpr std::size_t kRingBytesMin = std::size_t{64} * 1024;
// For a pipe or terminal that somebody has made non-blocking: how long its reader may pause.
constexpr int kPauseMsMax = 1000;

// What the thread is doing, as the writers need to know it.
enum State : std::uint8_t {
  kAwake = 0,
  kNapping = 1,  // between two batches: woken only when a ring fills up
  kAsleep = 2,   // nothing to do: woken by the first record
};

// Long enough that a busy worker pays for no wake-up, short enough for somebody who watches the
// file.
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
    : log_(log),
      ring_(std::make_unique<LineRing>(ring_bytes)),
      formatter_(std::make_unique<AccessFormatter>()) {}

AccessLog::Writer::Writer(Writer&&) noexcept = default;
AccessLog::Writer::~Writer() = default;

void AccessLog::Writer::write(const AccessEntry& entry) noexcept {
  if (AccessFormatter::is_too_long(entry)) return write(CutEntry(entry).entry());
  char* line = ring_->reserve(AccessFormatter::size_max(entry));
  if (!line) return;
  char* end = formatter_->write(line, log_.options_.format, entry);
  ring_->commit(static_cast<std::size_t>(end - line));
  auto state = log_.asleep_.load(std::memory_order_relaxed);
  if (state == kAsleep || (state == kNapping && ring_->is_filling())) log_.wake();
}

AccessLog::AccessLog(const AccessLogOptions& options, unsigned writers) : options_(options) {
  fd_ = open_output();
  writers_.reserve(writers);
  auto ring_bytes = std::bit_ceil(std::max(options.ring_bytes, kRingBytesMin));
  for (unsigned i = 0; i < writers; ++i) writers_.emplace_back(*this, ring_bytes);
  base::Deafness deafness;
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
    if (reopen_.exchange(false) && options_.output == "file") change_file();
    bool any = drain();
    flushed_.store(wanted);
    flushed_.notify_all();
    if (stopping) return;
    asleep_.store(any ? kNapping : kAsleep);
    bool quiet = std::ranges::all_of(writers_, [](auto& w) { return w.ring_->readable().empty(); });
    bool called = flush_wanted_.load() != wanted || stop_.load() || reopen_.load();
    if (!called && (any || quiet)) {
      futex_wait(asleep_, any ? kNapping : kAsleep, any ? kNap : kSleep);
    }
    asleep_.store(kAwake);
  }
}

// What was logged before the rotation belongs in the old file.
void AccessLog::change_file() {
  drain();
  int fd = open_output();
  if (fd < 0) {
    log::error("observe", "cannot reopen the access log, the old file stays",
               {{"path", options_.path}, {"error", std::generic_category().message(errno)}});
    return;
  }
  int old = std::exchange(fd_, fd);
  if (old >= 0) close(old);
  is_torn_ = false;
}

bool AccessLog::drain() {
  bool any = false;
  for (auto& writer : writers_) {
    auto lines = writer.ring_->readable();
    if (lines.empty()) continue;
    put_lines(lines);
    writer.ring_->consume(lines.size());
    any = true;
  }
  return any;
}

// Whole lines, as rings hold them.
void AccessLog::put_lines(std::string_view lines) {
  if (is_torn_ && put("\n").empty()) is_torn_ = false;
  auto rest = put(lines);
  int error = errno;
  if (!rest.empty()) {
    lost(rest, error);
  } else if (std::exchange(is_failing_, false)) {
    log::info("observe", "the access log is written again",
              {{"lines_lost", lost_lines_.load(std::memory_order_relaxed)}});
  }
  auto written = lines.size() - rest.size();
  if (written > 0) is_torn_ = lines[written - 1] != '\n';
}

// What could not be written, errno saying why.
std::string_view AccessLog::put(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    auto written = ::write(fd_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd wait{fd_, POLLOUT, 0};
      if (poll(&wait, 1, kPauseMsMax) == 0) {
        errno = EAGAIN;
        break;
      }
    } else if (errno != EINTR) {
      break;
    }
  }
  return bytes;
}

// Told once until it works again: a full disk would otherwise fill the other log as well.
void AccessLog::lost(std::string_view bytes, int error) {
  auto lines = static_cast<std::uint64_t>(std::ranges::count(bytes, '\n'));
  lost_lines_.fetch_add(lines, std::memory_order_relaxed);
  if (std::exchange(is_failing_, true)) return;
  log::error("observe", "cannot write the access log, lines are lost",
             {{"error", std::generic_category().message(error)}});
}

}  // namespace cirque::observe
