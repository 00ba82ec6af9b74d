#pragma once
// How patient we are with somebody who sends, or takes, slowly. What counts is the time that we
// wait for them: what the other direction needs (back-pressure) is not held against them.
#include <cstdint>

#include "cirque/clock.h"

namespace cirque::net {

class Stream;

struct Pace {
  Duration stall = 60s;              // without a single byte
  Duration grace = Duration::max();  // in all, before...
  unsigned bytes_per_second = 0;     // ...this rate must have been kept
};

// How somebody takes what the kernel keeps for it, while we wait for room for more. Room comes in
// steps, once less than half of what the kernel may keep is unsent: whether anything was taken
// meanwhile is asked of it. Made when the first wait begins; the stream outlives it.
//
// The rate is looked at anew with each `grace` of waiting: who was fast once may not drip for ever.
class Uptake {
 public:
  Uptake(Stream& stream, const Pace& pace) noexcept;

  // Until when to wait for room.
  Time begin_wait() noexcept;
  // The wait is over, and there is room or not. False: there is no use in waiting on.
  bool end_wait(bool has_room) noexcept;

  // So much more was put into the socket.
  void gave(std::uint64_t bytes) noexcept { held_ += bytes; }

 private:
  bool look() noexcept;

  Stream& stream_;
  Pace pace_;
  Time began_{};
  Duration stalled_{};       // waited since anything was taken
  Duration waited_{};        // since the rate was looked at
  std::uint64_t taken_ = 0;  // since then
  std::uint64_t held_;       // by the kernel, at the last look, and given since
};

}  // namespace cirque::net
