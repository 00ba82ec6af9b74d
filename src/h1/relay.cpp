#include "h1/relay.h"

namespace cirque::h1 {

bool can_relay(const Inbound& from, const Outbound& to) noexcept {
  auto left = from.unbuffered();
  return left >= kRelayBytesMin && left == to.left() && !from.is_excused();
}

Task<> relay(Inbound& from, Outbound& to, net::Pipes& pipes) {
  co_await ok(to.flush());
  std::uint64_t moved = 0;
  auto outcome = co_await net::splice(from.stream(), to.stream(), from.unbuffered(),
                                      {.source = from.pace(), .sink = to.pace()}, pipes, moved);
  from.skipped(moved);
  to.passed(moved);
  co_return outcome;
}

}  // namespace cirque::h1
