#pragma once
// Where the trees of one configuration's files live: memory that is taken by moving a pointer, and
// given back all at once. The tree of a large configuration has a million nodes; to take and to
// free each by itself was an eighth of the time that it took to load.
#include <cstddef>
#include <memory>
#include <ranges>
#include <span>
#include <string_view>

#include "cirque/arena.h"

namespace cirque::config {

// What is kept does not move and does not change until give_back(), or until this dies: so any
// number of trees may have it in common. What was kept in vain stays as long.
class TreeMemory {
 public:
  std::string_view keep(std::string_view text) { return arena_.copy(text); }

  // A copy of all parts. Those of a view may be made on the way, each once and in their order, and
  // keep something themselves.
  template <std::ranges::sized_range Parts>
  auto keep_all(Parts&& parts) {
    using Part = std::ranges::range_value_t<Parts>;
    auto count = static_cast<std::size_t>(std::ranges::size(parts));
    if (count == 0) return std::span<const Part>();
    auto* to = arena_.take_array<Part>(count);
    auto* at = to;
    for (auto&& part : parts) std::construct_at(at++, part);
    return std::span<const Part>(to, count);
  }

  // No node of any tree may be looked at from here on.
  void give_back() noexcept { arena_.reset(); }

 private:
  // Its pieces are small enough that the heap has them for whatever is made next. Of a few large
  // ones, which the system takes back, a sixth more pages had to be asked for.
  Arena arena_;
};

}  // namespace cirque::config
