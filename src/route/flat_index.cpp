#include "route/flat_index.h"

#include "base/check.h"

namespace cirque::route {

FlatIndex::FlatIndex(std::span<const Entry> entries)
    : buckets_((entries.size() + kPlacesTaken - 1) / kPlacesTaken) {
  for (const Entry& entry : entries) {
    CIRQUE_CHECK(entry.number != kNone);
    std::size_t at = home(entry.hash);
    unsigned free;
    while ((free = buckets_[at].places_of(kFree)) == 0) at = (at + 1) % buckets_.size();
    auto place = static_cast<std::size_t>(std::countr_zero(free));
    buckets_[at].fingerprints[place] = fingerprint(entry.hash);
    buckets_[at].numbers[place] = entry.number;
  }
}

}  // namespace cirque::route
