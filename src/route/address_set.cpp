#include "route/address_set.h"

#include <algorithm>

namespace cirque::route {
namespace {

constexpr unsigned bits_of(Address::Family family) noexcept {
  return family == Address::Family::V4 ? 32 : 128;
}

}  // namespace

AddressSet::AddressSet(std::span<const Network> networks) {
  for (const Network& network : networks) {
    auto family = network.base().family();
    unsigned free_bits = bits_of(family) - network.bits();
    Number mask = free_bits == 128 ? ~Number{0} : (Number{1} << free_bits) - 1;
    Number base = number_of(network.base());
    (family == Address::Family::V4 ? v4_ : v6_).push_back({base & ~mask, base | mask});
  }
  merge(v4_);
  merge(v6_);
}

bool AddressSet::contains(const Address& address) const noexcept {
  if (!address.is_ip()) return false;
  Number number = number_of(address);
  return has(address.family() == Address::Family::V4 ? v4_ : v6_, {number, number});
}

bool AddressSet::covers(const AddressSet& other) const noexcept {
  return std::ranges::all_of(other.v4_, [&](Range range) { return has(v4_, range); }) &&
         std::ranges::all_of(other.v6_, [&](Range range) { return has(v6_, range); });
}

AddressSet::Number AddressSet::number_of(const Address& address) noexcept {
  Number number = 0;
  for (unsigned i = 0; i < bits_of(address.family()) / 8; ++i)
    number = number << 8 | address.ip()[i];
  return number;
}

void AddressSet::merge(std::vector<Range>& ranges) {
  std::ranges::sort(ranges, {}, &Range::first);
  std::vector<Range> merged;
  for (Range range : ranges) {
    // Neighbours become one, so that 10.0.0.0/9 and 10.128.0.0/9 cover 10.0.0.0/8.
    bool joins = !merged.empty() && (range.first == 0 || range.first - 1 <= merged.back().last);
    if (joins) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  ranges = std::move(merged);
}

bool AddressSet::has(const std::vector<Range>& ranges, Range wanted) noexcept {
  auto behind = std::ranges::upper_bound(ranges, wanted.first, {}, &Range::first);
  return behind != ranges.begin() && std::prev(behind)->last >= wanted.last;
}

}  // namespace cirque::route
