#include "upstream/overflow.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace cirque::upstream {
namespace {

// Nobody watches a parked descriptor, so it is asked: silence is life, an end or stray bytes are
// not.
enum class Pulse : unsigned char { Alive, Ended, Stray };

Pulse feel(int fd) noexcept {
  char byte;
  auto got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return Pulse::Alive;
  return got > 0 ? Pulse::Stray : Pulse::Ended;
}

Duration patience(const Backend& backend, Duration idle_max) noexcept {
  return std::min(idle_max, Duration(backend.keep_alive_ns.load(std::memory_order_relaxed)));
}

}  // namespace

bool Overflow::park(Parked parked) {
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || size_ >= kParkedMax) return false;
  parked_[&*parked.claim].push_back(std::move(parked));
  ++size_;
  return true;
}

std::optional<Parked> Overflow::take(Backend& backend, Time now, Duration idle_max) {
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || size_ == 0) return std::nullopt;
  auto found = parked_.find(&backend);
  if (found == parked_.end()) return std::nullopt;
  auto& list = found->second;
  while (!list.empty()) {
    Parked newest = std::move(list.back());
    list.pop_back();
    --size_;
    bool fresh = now - newest.idle_since < patience(backend, idle_max);
    if (fresh && feel(newest.fd.get()) == Pulse::Alive) return newest;
  }
  return std::nullopt;
}

void Overflow::sweep(Time now, Duration idle_max) {
  std::lock_guard lock(mutex_);
  std::erase_if(parked_, [](const auto& entry) { return entry.second.empty(); });
  for (auto& [key, list] : parked_) {
    auto* backend = key;  // kept alive by the claims in the list
    auto limit = patience(*backend, idle_max);
    bool left = backend->has_left();
    size_ -= std::erase_if(list, [&](const Parked& parked) {
      if (now - parked.idle_since >= limit || left) return true;
      auto pulse = feel(parked.fd.get());
      if (pulse == Pulse::Ended) backend->learn_idle_close(now - parked.idle_since);
      return pulse != Pulse::Alive;
    });
  }
}

std::size_t Overflow::size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace cirque::upstream
