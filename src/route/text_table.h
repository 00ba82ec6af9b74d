#pragma once
// From a text to a number: what hosts and routing keys are looked up in. The cost does not grow
// with the table: one bucket, then one comparison with the key it names.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "route/flat_index.h"

namespace cirque::route {

// Built once, then read by any thread. Keys are compared byte by byte; where one occurs twice, the
// first is found.
class TextTable {
 public:
  struct Entry {
    std::string_view key;  // copied; at most 65535 bytes
    std::uint32_t value;
  };

  TextTable() = default;
  explicit TextTable(std::span<const Entry> entries);

  // The value of that key, or kNone.
  std::uint32_t find(std::string_view key) const noexcept;

  std::size_t bytes() const noexcept { return index_.bytes() + records_.capacity(); }

 private:
  FlatIndex index_;      // of offsets into records_
  std::string records_;  // value, size of the key, key: side by side, so that one miss brings both
};

}  // namespace cirque::route
