#include "route/text_table.h"

#include <cstring>
#include <limits>
#include <vector>

#include "base/check.h"
#include "route/text_hash.h"

namespace cirque::route {
namespace {

struct Header {
  std::uint32_t value;
  std::uint16_t key_size;
};

constexpr std::size_t kHeaderBytes = sizeof(std::uint32_t) + sizeof(std::uint16_t);

void append(std::string& records, const TextTable::Entry& entry) {
  char header[kHeaderBytes];
  auto size = static_cast<std::uint16_t>(entry.key.size());
  std::memcpy(header, &entry.value, sizeof entry.value);
  std::memcpy(header + sizeof entry.value, &size, sizeof size);
  records.append(header, kHeaderBytes).append(entry.key);
}

Header header_at(const char* record) noexcept {
  Header header;
  std::memcpy(&header.value, record, sizeof header.value);
  std::memcpy(&header.key_size, record + sizeof header.value, sizeof header.key_size);
  return header;
}

}  // namespace

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
    append(records_, entry);
  }
  index_ = FlatIndex(places);
}

std::uint32_t TextTable::find(std::string_view key) const noexcept {
  std::uint32_t record = index_.find(text_hash(key), [&](std::uint32_t offset) {
    const char* at = records_.data() + offset;
    return header_at(at).key_size == key.size() &&
           std::memcmp(at + kHeaderBytes, key.data(), key.size()) == 0;
  });
  return record == kNone ? kNone : header_at(records_.data() + record).value;
}

}  // namespace cirque::route
