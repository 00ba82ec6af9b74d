#include "net/splice.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace cirque::net {
namespace {

// Not SPLICE_F_MORE: it would hold back the last bytes of a stretch while the sender pauses.
constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

// A pipe on loan, back in its place however the transfer ends.
class Loan {
 public:
  explicit Loan(Pipes& pipes) : pipes_(pipes), pipe(pipes.take()) {}

  Loan(const Loan&) = delete;

  ~Loan() {
    if (pipe) pipes_.give(std::move(*pipe));
  }

 private:
  Pipes& pipes_;

 public:
  std::optional<Pipe> pipe;
};

Error broken(const Stream& stream) {
  bool client = stream.side() == Side::Client;
  return {.fault = Fault::Reset,
          .side = stream.side(),
          .sys = errno,
          .reason = client ? "client_gone" : "upstream_reset"};
}

Error came_too_slowly(const Stream& stream) {
  bool client = stream.side() == Side::Client;
  return {.fault = Fault::Timeout,
          .side = stream.side(),
          .reason = client ? "client_body_timeout" : "upstream_idle_timeout"};
}

// How a body comes in, by the rules of the one that is read piece by piece (h1/inbound.h).
class Intake {
 public:
  Intake(Stream& stream, const Pace& pace) noexcept : stream_(stream), pace_(pace) {}

  // Until when to wait, after so many bytes.
  Time begin_wait(std::uint64_t bytes) noexcept {
    began_ = stream_.loop().now();
    Duration patience = pace_.stall;
    if (pace_.bytes_per_second) {
      auto earned = std::chrono::milliseconds(bytes * 1000 / pace_.bytes_per_second);
      patience = std::min<Duration>(patience, pace_.grace + earned - waited_);
    }
    return began_ + std::max<Duration>(patience, 1ms);
  }

  void end_wait() noexcept { waited_ += stream_.loop().now() - began_; }

 private:
  Stream& stream_;
  const Pace& pace_;
  Time began_{};
  Duration waited_{};
};

// Socket to pipe; 0: nothing there.
Result<std::size_t> fill(Stream& from, Pipe& pipe, std::uint64_t most) {
  auto want = static_cast<std::size_t>(std::min<std::uint64_t>(most, Pipes::kPipeBytes));
  auto got = ::splice(from.watch().fd(), nullptr, pipe.out.get(), nullptr, want, kFlags);
  if (got > 0) {
    pipe.held += static_cast<std::size_t>(got);
    return static_cast<std::size_t>(got);
  }
  if (got == 0) {
    bool client = from.side() == Side::Client;
    return fail({.fault = Fault::Closed,
                 .side = from.side(),
                 .reason = client ? "client_gone_mid_body" : "upstream_truncated_body"});
  }
  if (errno != EAGAIN && errno != EINTR) return fail(broken(from));
  if (errno == EAGAIN && pipe.held == 0) from.watch().may_read = false;
  return 0;
}

// Pipe to socket; 0: no room.
Result<std::size_t> empty(Pipe& pipe, Stream& to) {
  auto put = ::splice(pipe.in.get(), nullptr, to.watch().fd(), nullptr, pipe.held, kFlags);
  if (put >= 0) {
    pipe.held -= static_cast<std::size_t>(put);
    return static_cast<std::size_t>(put);
  }
  if (errno != EAGAIN && errno != EINTR) return fail(broken(to));
  if (errno == EAGAIN) to.watch().may_write = false;
  return 0;
}

}  // namespace

std::optional<Pipe> Pipes::take() {
  if (!idle_.empty()) {
    Pipe pipe = std::move(idle_.back());
    idle_.pop_back();
    return pipe;
  }
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
  fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void Pipes::give(Pipe pipe) noexcept {
  if (pipe.held == 0 && idle_.size() < kIdleMax) idle_.push_back(std::move(pipe));
}

Task<> splice(Stream& from, Stream& to, std::uint64_t bytes, Paces paces, Pipes& pipes,
              std::uint64_t& moved) {
  Loan loan(pipes);
  if (!loan.pipe) co_return fail({.fault = Fault::Overload, .reason = "too_many_connections"});
  Pipe& pipe = *loan.pipe;
  Intake intake(from, paces.source);
  std::optional<Uptake> uptake;
  std::uint64_t left = bytes;  // still to be read
  auto& loop = from.loop();
  for (unsigned round = 1; left > 0 || pipe.held > 0; ++round) {
    if (left > 0 && pipe.held == 0 && !from.watch().may_read) {
      auto readable = co_await from.readable(intake.begin_wait(bytes - left));
      intake.end_wait();
      if (!readable) co_return fail(came_too_slowly(from));
    }
    if (left > 0 && pipe.held == 0) left -= co_await ok(fill(from, pipe, left));
    if (pipe.held == 0) continue;
    if (!to.watch().may_write) {
      if (!uptake) uptake.emplace(to, paces.sink);
      auto room = co_await to.writable(uptake->begin_wait());
      if (!uptake->end_wait(room.has_value())) co_return fail(to.took_too_long());
      if (!room) continue;
    }
    auto put = co_await ok(empty(pipe, to));
    moved += put;
    if (uptake) uptake->gave(put);
    if (round % 16 == 0) co_await loop.breathe();
  }
  co_return done;
}

}  // namespace cirque::net
