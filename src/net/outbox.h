#pragma once
// Short messages leave together at the end of a turn of the loop. Each send() to a peer that waits
// wakes it; sent one after the other, the next finds it still awake, and the core runs through one
// piece of code many times instead of through all of it for each message.
#include <array>
#include <coroutine>
#include <span>

#include "base/blocks.h"
#include "base/list.h"
#include "cirque/result.h"
#include "cirque/task.h"
#include "net/stream.h"

namespace cirque::net {

// One a core. Messages to one stream must not overtake each other: whoever writes to it waits for
// one write to end before the next begins.
class Outbox {
 public:
  Outbox(loop::Loop& loop, base::Blocks& blocks) noexcept
      : blocks_(blocks), loop_(loop), flush_(*this) {}

  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Where a message can be put together: what is then written from here is not copied again. Good
  // until the next write() on this core.
  std::span<char> room() noexcept {
    if (used_ > kBytesMax || count_ >= kMessagesMax) send_all();
    return {bytes_.data() + used_, kRoomBytes};
  }

  // As Stream::write(), but a short message may wait for the end of the turn. The pieces need only
  // be good during the call, `pace` until it is written. `complete`, which may be null, becomes
  // true when the kernel has it all.
  Task<> write(Stream& stream, std::span<const iovec> pieces, const Pace& pace, bool* complete);

  base::Blocks& blocks() const noexcept { return blocks_; }

 private:
  // Above it a message goes at once: the larger, the less there is to win, and the more to copy.
  static constexpr std::size_t kPostedBytesMax = 2048;
  static constexpr std::size_t kRoomBytes = std::size_t{16} * 1024;
  // So much is sent before the turn ends. Measured: with more than 30 messages taken in between two
  // sends, Linux interrupts the core that sent them to give their memory back
  // (net.core.skb_defer_max).
  static constexpr std::size_t kBytesMax = std::size_t{32} * 1024;
  static constexpr unsigned kMessagesMax = 16;

  class Posting;

  Task<> write_now(Stream& stream, std::span<const iovec> pieces, const Pace& pace, bool* complete);
  Task<> post(Stream& stream, std::string_view message, const Pace& pace, bool* complete);
  void send_all() noexcept;
  void flush() noexcept;

  struct Flush : loop::Deferred {
    explicit Flush(Outbox& o) noexcept
        : Deferred([](Wake& w) noexcept { static_cast<Flush&>(w).outbox.flush(); }), outbox(o) {}

    Outbox& outbox;
  };

  base::Blocks& blocks_;
  loop::Loop& loop_;
  Flush flush_;
  base::List<Posting> waiting_;  // to be sent
  base::List<Posting> sent_;     // to be told
  std::size_t used_ = 0;         // by the messages that wait
  unsigned count_ = 0;           // of them
  std::array<char, kBytesMax + kRoomBytes> bytes_;
};

}  // namespace cirque::net
