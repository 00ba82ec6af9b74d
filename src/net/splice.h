#pragma once
// Large bodies from socket to socket without passing through our memory (splice(2)).
#include <cstdint>
#include <optional>
#include <vector>

#include "net/pace.h"
#include "net/socket.h"
#include "net/stream.h"

namespace cirque::net {

// A pipe that is empty between uses.
struct Pipe {
  Fd in;   // to read from
  Fd out;  // to write to
  std::size_t held = 0;
};

// One a worker.
class Pipes {
 public:
  // As much as an unprivileged process may ask for: fewer, larger moves.
  static constexpr int kPipeBytes = 1024 * 1024;
  static constexpr std::size_t kIdleMax = 16;

  std::optional<Pipe> take();     // none: no descriptors left
  void give(Pipe pipe) noexcept;  // one that still holds something is closed

 private:
  std::vector<Pipe> idle_;
};

struct Paces {
  const Pace& source;
  const Pace& sink;
};

// Moves exactly `bytes` from one plain stream to the other. Errors carry the side that failed; an
// end before that is Fault::Closed. `moved` counts on, also when it fails.
Task<> splice(Stream& from, Stream& to, std::uint64_t bytes, Paces paces, Pipes& pipes,
              std::uint64_t& moved);

}  // namespace cirque::net
