// How the calling thread shares a core with others.
#pragma once

namespace cirque::base {

// When it wakes up it gets the core at once, from threads whose turns are longer. By itself Linux
// lets one finish its turn first, up to 3 ms, however small its claim to the core is: that would be
// the latency of every request which comes meanwhile. Its own turns become shorter for it, 100 us;
// its share of the core remains what it was. Kernels before 6.12 take no notice, and go by the
// shares alone. A thread that is not scheduled in the usual way stays as it is.
void take_short_turns() noexcept;

}  // namespace cirque::base
