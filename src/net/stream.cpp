#include "net/stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "net/calls.h"

namespace cirque::net {
namespace {

// What is left of the pieces after `skip` bytes, in one stretch.
void copy_rest(std::span<const iovec> pieces, std::size_t skip, char* to) noexcept {
  for (const auto& piece : pieces) {
    std::size_t passed = skip < piece.iov_len ? skip : piece.iov_len;
    skip -= passed;
    std::size_t rest = piece.iov_len - passed;
    if (rest) std::memcpy(to, static_cast<const char*>(piece.iov_base) + passed, rest);
    to += rest;
  }
}

// One stretch goes by send(), which spares the kernel the vector.
ssize_t send_pieces(int fd, std::span<const iovec> pieces, int flags) noexcept {
  if (pieces.size() == 1) {
    return send_some(fd, pieces[0].iov_base, pieces[0].iov_len, flags);
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  return send_some(fd, message, flags);
}

}  // namespace

Stream::Stream(loop::Loop& loop, Fd fd, Side side) noexcept
    : watch_(loop, fd.get()), fd_(std::move(fd)), side_(side), timer_(*this) {
  watch_.urgent = side == Side::Upstream;  // an answer ends what a request began
}

Stream::~Stream() {
  watch_.forget();
}

Error Stream::broken() const noexcept {
  bool client = side_ == Side::Client;
  return {.fault = Fault::Reset,
          .side = side_,
          .sys = errno,
          .reason = client ? "client_gone" : "upstream_reset"};
}

Result<Taken> Stream::take(std::span<char> into) noexcept {
  if (!watch_.may_read) return Taken{Taken::Kind::Again};
  for (;;) {
    ssize_t got = recv_some(watch_.fd(), into.data(), into.size(), 0);
    if (got > 0) {
      auto bytes = static_cast<std::size_t>(got);
      // After a FIN the kernel gives no further edge: the end must be read now or later, unasked.
      if (bytes < into.size() && !watch_.saw_end) watch_.may_read = false;
      return Taken{Taken::Kind::Some, bytes};
    }
    if (got == 0) return Taken{Taken::Kind::End};
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      watch_.may_read = false;
      return Taken{Taken::Kind::Again};
    }
    return fail(broken());
  }
}

Result<std::size_t> Stream::give(std::span<const iovec> pieces) noexcept {
  if (!watch_.may_write) return 0;
  const int flags = MSG_NOSIGNAL | (end_follows_ ? MSG_MORE : 0);
  for (;;) {
    ssize_t sent = send_pieces(watch_.fd(), pieces, flags);
    if (sent >= 0) {
      auto bytes = static_cast<std::size_t>(sent);
      if (bytes < size_of(pieces)) watch_.may_write = false;
      return bytes;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      watch_.may_write = false;
      return 0;
    }
    return fail(broken());
  }
}

bool Stream::is_quiet() noexcept {
  if (watch_.saw_end) return false;
  if (!watch_.may_read) return true;
  char byte;
  bool quiet = recv_some(watch_.fd(), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
  watch_.may_read = !quiet;
  return quiet;
}

void Stream::end_writing() noexcept {
  ::shutdown(watch_.fd(), SHUT_WR);
}

Fd Stream::release() noexcept {
  watch_.detach();
  return std::move(fd_);
}

void Stream::expect(loop::Wake& wake, Time until) noexcept {
  watch_.attach();
  timed_out_ = false;
  watch_.reader = &wake;
  timer_.arm(loop().timers(), until);
}

void Stream::expect_nothing() noexcept {
  watch_.reader = nullptr;
  timer_.disarm();
}

void Stream::expect_sooner(Time until) noexcept {
  if (until < timer_.due()) timer_.arm(loop().timers(), until);
}

void Stream::on_timer(loop::Timer& timer) noexcept {
  auto& stream = static_cast<ReadTimer&>(timer).stream;
  if (!stream.watch_.reader) return;
  // What has come in time and only waits for its turn is not late.
  stream.timed_out_ = !stream.watch_.may_read;
  (*stream.watch_.reader)();
}

Result<Unit> Stream::Readable::await_resume() noexcept {
  if (!waiter_) return done;
  waiter_ = {};
  stream_.expect_nothing();
  if (!stream_.timed_out_) return done;
  return fail({.fault = Fault::Timeout, .side = stream_.side_, .reason = "timeout"});
}

void Stream::Writable::await_suspend(std::coroutine_handle<> waiter) noexcept {
  waiter_ = waiter;
  stream_.watch_.attach();
  stream_.watch_.writer = this;
  timer_.arm(stream_.loop().timers(), until_);
}

Result<Unit> Stream::Writable::await_resume() noexcept {
  if (!waiter_) return done;
  waiter_ = {};
  stream_.watch_.writer = nullptr;
  if (!timed_out_) return done;
  return fail({.fault = Fault::Timeout, .side = stream_.side_, .reason = "timeout"});
}

Task<> Stream::write(std::span<const iovec> pieces, const Pace& pace, base::Blocks& blocks) {
  std::size_t total = size_of(pieces);
  auto sent = give(pieces);
  if (!sent) {
    auto error = sent.error();
    error.replayable = true;  // the kernel took nothing: the other side has seen none of it
    return fail(error);
  }
  if (*sent == total) return done;
  base::Block kept = blocks.lease(total - *sent);
  copy_rest(pieces, *sent, kept.data());
  return write_rest(std::move(kept), total - *sent, pace);
}

Task<> Stream::write_rest(base::Block kept, std::size_t size, Pace pace) {
  std::string_view rest(kept.data(), size);
  Uptake uptake(*this, pace);
  while (!rest.empty()) {
    auto room = co_await writable(uptake.begin_wait());
    if (!uptake.end_wait(room.has_value())) co_return fail(took_too_long());
    iovec piece = piece_of(rest);
    auto sent = co_await ok(give({&piece, 1}));
    uptake.gave(sent);
    rest.remove_prefix(sent);
  }
  co_return done;
}

Error Stream::took_too_long() const noexcept {
  bool client = side_ == Side::Client;
  return {.fault = Fault::Timeout,
          .side = side_,
          .reason = client ? "client_write_timeout" : "upstream_write_timeout"};
}

}  // namespace cirque::net
