#pragma once
// When there is too little memory, or a worker is late: what is given up first, and what last. Pure
// decisions; the engine brings figures and tells the workers.
#include <cstdint>
#include <string_view>

#include "cirque/clock.h"

namespace cirque::proxy {

// The rungs of the ladder. Each does what those below it do, and more.
enum class Rung : std::uint8_t {
  None,
  ShortIdle,  // idle connections are kept for less time, the less the fuller it is
  CloseIdle,  // idle connections are closed, and every answer is its connection's last
  NoRetries,  // no request is sent a second time
  Refuse,     // new requests get 503
  NoAccept,   // new connections wait in the kernel
};

std::string_view text_of(Rung rung) noexcept;

class Ladder {
 public:
  // A look at the memory: the share of the limit in use, and the percent of the last 10 s in which
  // everybody waited for memory. True: the rung is another one now.
  bool look(double share, double stalled) noexcept;

  Rung rung() const noexcept { return rung_; }

 private:
  Rung rung_ = Rung::None;
};

// How long an idle connection is kept at this share of the memory: all of its time up to 70 %, 2 s
// from 95 % on, evenly in between.
Duration idle_patience(double share, Duration configured) noexcept;

// Whether a worker is late: a request that is there waits long until it is looked at.
class Lateness {
 public:
  // A probe that waited for `lag`; `most` is what may be, 0: anything. True: is_late() has changed.
  bool look(Time now, Duration lag, Duration most) noexcept;

  bool is_late() const noexcept { return late_; }

 private:
  // So long in a row must probes be late: one garbage collection of a neighbour is not overload.
  static constexpr Duration kPersistent = 1s;

  Time since_{};  // the first of those that were late in a row; zero: the last one was not
  bool late_ = false;
};

}  // namespace cirque::proxy
