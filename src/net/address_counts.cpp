#include "net/address_counts.h"

#include "base/check.h"

namespace cirque::net {

std::uint64_t crowd_of(const Address& client) noexcept {
  const auto& ip = client.ip();
  bool v4 = client.family() == Address::Family::V4;
  // ffff:ffff::/32 is multicast: no client connects from there.
  std::uint64_t crowd = v4 ? 0xffff'ffff : 0;
  for (std::size_t i = 0; i < (v4 ? 4 : 8); ++i) crowd = crowd << 8 | ip[i];
  return crowd;
}

class AddressCounts::Hold {
 public:
  explicit Hold(Part& part) noexcept
      : part_(part), has_it_(!part.busy.exchange(true, std::memory_order_acquire)) {}

  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  ~Hold() {
    if (has_it_) part_.busy.store(false, std::memory_order_release);
  }

  explicit operator bool() const noexcept { return has_it_; }

 private:
  Part& part_;
  bool has_it_;
};

AddressCounts::AddressCounts(std::uint64_t seed) : hash_{seed} {
  for (auto& part : parts_) part.counts = decltype(part.counts)(0, hash_);
}

AddressCounts::Entry AddressCounts::enter(std::uint64_t crowd, std::uint32_t most) {
  Part& part = part_of(crowd);
  Hold hold(part);
  if (!hold) return Entry::Busy;
  auto& count = part.counts[crowd];
  if (count < most) {
    ++count;
    return Entry::In;
  }
  if (count == 0) part.counts.erase(crowd);
  return Entry::Full;
}

bool AddressCounts::leave(std::uint64_t crowd) noexcept {
  Part& part = part_of(crowd);
  Hold hold(part);
  if (!hold) return false;
  auto found = part.counts.find(crowd);
  CIRQUE_CHECK(found != part.counts.end());
  if (--found->second == 0) part.counts.erase(found);
  return true;
}

}  // namespace cirque::net
