#include "net/pace.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "net/stream.h"

namespace cirque::net {
namespace {

// Bytes that the other side has not taken yet: not acknowledged (TCP), or not read (unix).
std::uint64_t unsent(const Stream& stream) noexcept {
  int bytes = 0;
  if (ioctl(stream.watch().fd(), SIOCOUTQ, &bytes) != 0 || bytes < 0) return 0;
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace

Uptake::Uptake(Stream& stream, const Pace& pace) noexcept
    : stream_(stream), pace_(pace), held_(unsent(stream)) {}

Time Uptake::begin_wait() noexcept {
  began_ = stream_.loop().now();
  auto patience = std::min(pace_.stall - stalled_, pace_.grace - waited_);
  return began_ + std::max<Duration>(patience, 1ms);
}

bool Uptake::end_wait(bool has_room) noexcept {
  auto waited = stream_.loop().now() - began_;
  waited_ += waited;
  stalled_ = has_room ? Duration{} : stalled_ + waited;
  bool may_go_on = has_room || stalled_ < pace_.stall;
  if (may_go_on && waited_ < pace_.grace) return true;
  return look();
}

bool Uptake::look() noexcept {
  auto held = unsent(stream_);
  auto taken = held < held_ ? held_ - held : 0;
  held_ = held;
  taken_ += taken;
  if (taken > 0) stalled_ = {};
  if (stalled_ >= pace_.stall) return false;
  if (waited_ < pace_.grace) return true;
  auto due = static_cast<std::uint64_t>(waited_ / 1ms) * pace_.bytes_per_second / 1000;
  if (taken_ < due) return false;
  waited_ = {};
  taken_ = 0;
  return true;
}

}  // namespace cirque::net
