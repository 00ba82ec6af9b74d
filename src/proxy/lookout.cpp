#include "proxy/lookout.h"

#include <malloc.h>

#include "base/log.h"

namespace cirque::proxy {
namespace {

constexpr Duration kMemoryPeriod = 1s;
constexpr Duration kLagPeriod = 250ms;

// A worker that waits for events, and had fewer turns than that since the last look, keeps nobody
// waiting.
constexpr std::uint64_t kTurnsOfIdle = 8;

}  // namespace

Task<> Lookout::watch_memory() {
  for (;;) {
    look_at_memory();
    co_await loop_.sleep(kMemoryPeriod);
  }
}

void Lookout::look_at_memory() {
  memory_ = gauge_.read(memory_limit_);
  bool is_new = ladder_.look(memory_.share(), memory_.stalled);
  if (is_new) tell();
  auto rung = ladder_.rung();
  if (is_new || rung != Rung::None) {
    for (auto& post : posts_) {
      post.worker.loop.send(
          [&worker = post.worker, rung, share = memory_.share()] { worker.relieve(rung, share); });
    }
  }
  if (rung >= Rung::CloseIdle) {
    trim_heap();
  } else {
    looks_until_trim_ = 1;
  }
}

void Lookout::tell() const {
  auto level = ladder_.rung() == Rung::None ? log::Level::Info : log::Level::Warn;
  if (!log::is_on(level)) return;
  log::write(level, "proxy", "the memory in use has passed a level",
             {{"level", static_cast<unsigned>(ladder_.rung())},
              {"now", text_of(ladder_.rung())},
              {"percent", static_cast<unsigned>(memory_.share() * 100)},
              {"used_bytes", memory_.used},
              {"limit_bytes", memory_.limit},
              {"limit_of", memory_.limit_of},
              {"stalled_percent", memory_.stalled}});
}

// What workers have freed stays with the allocator unless it is asked. Not at once, as they are
// still at it, and not often: it holds up who allocates meanwhile.
void Lookout::trim_heap() {
  constexpr unsigned kLooksBetween = 30;
  if (looks_until_trim_-- > 0) return;
  looks_until_trim_ = kLooksBetween;
  malloc_trim(0);
}

Task<> Lookout::watch_lag() {
  for (;;) {
    co_await loop_.sleep(kLagPeriod);
    for (auto& post : posts_) probe(post);
  }
}

// The probe lines up behind all that is ready, and waits as long as a request does. Idle workers
// are left alone, unless they are to learn that they are not late any more.
void Lookout::probe(Post& post) {
  auto turns = post.worker.loop.turns();
  bool in_turn = post.worker.loop.pulse() % 2 == 1;
  bool is_idle = turns - std::exchange(post.turns, turns) < kTurnsOfIdle && !in_turn;
  if (is_idle && post.lag_ns.load(std::memory_order_relaxed) < Duration(1ms).count()) return;
  if (post.is_asked.exchange(true, std::memory_order_relaxed)) return;
  post.worker.loop.send([&post, sent = loop::monotonic_now()] {
    post.sent = sent;
    post.worker.loop.line_up(post.place);
  });
}

void Lookout::Post::arrive() noexcept {
  auto lag = loop::monotonic_now() - sent;
  lag_ns.store(lag.count(), std::memory_order_relaxed);
  worker.note_lag(lag);
  is_asked.store(false, std::memory_order_relaxed);
}

}  // namespace cirque::proxy
