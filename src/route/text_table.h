#pragma once
// From a text to a number: what hosts and routing keys are looked up in. The cost does not grow
// with the table: one bucket, then one comparison with the key it names.
#include <cstdint>
#include <cstring>
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

  // visit(key, value), in the order in which they were given.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t at = 0; at < records_.size();) {
      Record record = record_at(records_.data() + at);
      visit(record.key, record.value);
      at += kHeaderBytes + record.key.size();
    }
  }

  std::size_t bytes() const noexcept { return index_.bytes() + records_.capacity(); }

 private:
  struct Record {
    std::uint32_t value;
    std::string_view key;
  };

  static constexpr std::size_t kHeaderBytes = sizeof(std::uint32_t) + sizeof(std::uint16_t);

  static Record record_at(const char* at) noexcept {
    Record record;
    std::uint16_t size;
    std::memcpy(&record.value, at, sizeof record.value);
    std::memcpy(&size, at + sizeof record.value, sizeof size);
    record.key = {at + kHeaderBytes, size};
    return record;
  }

  void append(const Entry& entry);

  FlatIndex index_;      // of offsets into records_
  std::string records_;  // value, size of the key, key: side by side, so that one miss brings both
};

}  // namespace cirque::route
