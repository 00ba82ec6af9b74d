#include "route/name_index.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "route/text_hash.h"

namespace cirque::route {
namespace {

constexpr std::size_t kLeastSlots = 16;

std::uint32_t fingerprint_of(std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

NameIndex::NameIndex(std::size_t expected) {
  if (expected == 0) return;
  slots_.resize(std::max(kLeastSlots, std::bit_ceil(2 * expected)));
  entries_.reserve(expected);
}

std::pair<std::uint32_t, bool> NameIndex::emplace(std::string_view name, std::uint32_t number) {
  if (2 * (entries_.size() + 1) > slots_.size()) grow();
  std::uint64_t hash = text_hash(name);
  Slot& slot = slots_[slot_of(name, hash)];
  if (slot.entry != kFree) return {entries_[slot.entry].number, false};
  CIRQUE_CHECK(entries_.size() < kFree);
  slot = {fingerprint_of(hash), static_cast<std::uint32_t>(entries_.size())};
  entries_.push_back({name, number});
  return {number, true};
}

const std::uint32_t* NameIndex::find(std::string_view name) const noexcept {
  if (entries_.empty()) return nullptr;
  const Slot& slot = slots_[slot_of(name, text_hash(name))];
  return slot.entry == kFree ? nullptr : &entries_[slot.entry].number;
}

// The one that has the name, or the free one where it would be.
std::size_t NameIndex::slot_of(std::string_view name, std::uint64_t hash) const noexcept {
  for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.entry == kFree) return at;
    if (slot.fingerprint == fingerprint_of(hash) && entries_[slot.entry].name == name) return at;
  }
}

void NameIndex::grow() {
  slots_.assign(std::max(kLeastSlots, 2 * slots_.size()), {});
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    std::uint64_t hash = text_hash(entries_[i].name);
    slots_[slot_of(entries_[i].name, hash)] = {fingerprint_of(hash), i};
  }
}

}  // namespace cirque::route
