#include "route/text_table.h"

#include <limits>
#include <vector>

#include "base/check.h"
#include "route/text_hash.h"

namespace cirque::route {
TextTable::TextTable(std::span<const Entry> entries) {
  std::size_t bytes = 0;
  for (const Entry& entry : entries) bytes += kHeaderBytes + entry.key.size();
  CIRQUE_CHECK(bytes < kNone);
  records_.reserve(bytes);
  std::vector<FlatIndex::Entry> places;
  places.reserve(entries.size());
  for (const Entry& entry : entries) {
    CIRQUE_CHECK(entry.key.size() <= std::numeric_limits<std::uint16_t>::max());
    places.push_back({text_hash(entry.key), static_cast<std::uint32_t>(records_.size())});
    append(entry);
  }
  index_ = FlatIndex(places);
}

void TextTable::append(const Entry& entry) {
  char header[kHeaderBytes];
  auto size = static_cast<std::uint16_t>(entry.key.size());
  std::memcpy(header, &entry.value, sizeof entry.value);
  std::memcpy(header + sizeof entry.value, &size, sizeof size);
  records_.append(header, kHeaderBytes).append(entry.key);
}

std::uint32_t TextTable::find(std::string_view key) const noexcept {
  std::uint32_t offset = index_.find(
      text_hash(key), [&](std::uint32_t at) { return record_at(records_.data() + at).key == key; });
  return offset == kNone ? kNone : record_at(records_.data() + offset).value;
}

}  // namespace cirque::route
