#pragma once
// How many connections there are from each client address, on all workers together.
#include <array>
#include <atomic>
#include <cstdint>
#include <unordered_map>

#include "base/hash.h"
#include "cirque/address.h"

namespace cirque::net {

// Whom connections are counted for: an IPv4 address, or an IPv6 network of 64 bits, which is what
// one customer has. Exact: two of them are never the same number. Not for unix sockets.
std::uint64_t crowd_of(const Address& client) noexcept;

// Shared by all workers. Nobody waits: a part that another worker is just writing is Busy, for the
// time of one look-up, and whoever finds it so comes again in its next turn. The plain alternative
// is a lock; but a worker that the system takes off its core while it holds one stops the others.
//
// As many entries as there are crowds with connections: no more than connections, 64 bytes each.
class AddressCounts {
 public:
  // `seed`: unknown to clients, who choose their addresses.
  explicit AddressCounts(std::uint64_t seed);

  enum class Entry : std::uint8_t { In, Full, Busy };

  // One more of that crowd, unless there are `most` already.
  Entry enter(std::uint64_t crowd, std::uint32_t most);
  // One less; it has come in before. False: busy.
  bool leave(std::uint64_t crowd) noexcept;

 private:
  static constexpr std::size_t kParts = 64;

  struct Seeded {
    std::uint64_t seed;

    std::size_t operator()(std::uint64_t crowd) const noexcept { return base::mix(crowd ^ seed); }
  };

  struct alignas(64) Part {
    std::atomic<bool> busy{false};
    std::unordered_map<std::uint64_t, std::uint32_t, Seeded> counts;
  };

  // A part for one thread at a time; empty when another has it.
  class Hold;

  Part& part_of(std::uint64_t crowd) noexcept { return parts_[hash_(crowd) >> 58]; }

  Seeded hash_;
  std::array<Part, kParts> parts_;
};

}  // namespace cirque::net
