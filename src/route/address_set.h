#pragma once
// Networks that a client's address may be in: ranges, sorted and merged, so that a list of
// thousands costs a dozen comparisons.
#include <span>
#include <string_view>
#include <vector>

#include "cirque/address.h"

namespace cirque::route {

// Built once, then read by any thread.
class AddressSet {
 public:
  explicit AddressSet(std::span<const Network> networks);

  // IPv4 networks hold IPv4 addresses alone, also of clients that came over a socket for both. An
  // address of a unix socket is in no network.
  bool contains(const Address& address) const noexcept;

  // Is every address of `other` one of ours?
  bool covers(const AddressSet& other) const noexcept;

 private:
  __extension__ using Number = unsigned __int128;

  struct Range {
    Number first;
    Number last;
  };

  static Number number_of(const Address& address) noexcept;
  static void merge(std::vector<Range>& ranges);
  static bool has(const std::vector<Range>& ranges, Range wanted) noexcept;

  std::vector<Range> v4_;
  std::vector<Range> v6_;
};

}  // namespace cirque::route
