#pragma once
// The rest of a large body from one HTTP/1 message to another without passing through our memory.
#include "h1/inbound.h"
#include "h1/outbound.h"
#include "net/splice.h"

namespace cirque::h1 {

// Below this, moving pages costs more than copying bytes.
inline constexpr std::uint64_t kRelayBytesMin = 128 * 1024;

// Both bodies are of known length, nothing of the incoming one waits in our memory, its sender has
// no leave to be silent, and it is worth it.
bool can_relay(const Inbound& from, const Outbound& to) noexcept;

// Everything that is left. After an error neither connection can be used again.
Task<> relay(Inbound& from, Outbound& to, net::Pipes& pipes);

}  // namespace cirque::h1
