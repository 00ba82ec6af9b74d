#pragma once
// From the addresses of values to something small about each: for hundreds of thousands of values,
// put in about the order in which they lie in memory and asked for in that order. Neighbours in
// memory are neighbours in the table, so that whoever goes over a model goes over it as well.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cirque::config {

template <class T>
class AddressMap {
 public:
  explicit AddressMap(std::size_t expected) : slots_(slots_for(expected)) {
    values_.reserve(expected);
  }

  void put(const void* address, T value) {
    if (is_full()) grow();
    Slot& slot = slot_of(number_of(address));
    if (slot.address != kFree) {
      values_[slot.value] = std::move(value);
      return;
    }
    slot = {number_of(address), static_cast<std::uint32_t>(values_.size())};
    values_.push_back(std::move(value));
  }

  // Null: none. Lives until the next one is put.
  const T* find(const void* address) const noexcept {
    const Slot& slot = slot_of(number_of(address));
    return slot.address == kFree ? nullptr : &values_[slot.value];
  }

 private:
  static constexpr std::uintptr_t kFree = 0;
  static constexpr std::size_t kLeastSlots = 64;
  // A page of memory begins at any slot, and what is in it comes in its order, one slot for 16
  // bytes: texts and lists are longer, and of smaller values there are few.
  static constexpr int kPageBits = 10;
  static constexpr int kValueBits = 4;

  struct Slot {
    std::uintptr_t address = kFree;
    std::uint32_t value = 0;
  };

  static std::uintptr_t number_of(const void* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address);
  }

  // At most half of them are taken.
  static std::size_t slots_for(std::size_t values) noexcept {
    return std::max(kLeastSlots, std::bit_ceil(2 * values));
  }

  bool is_full() const noexcept { return 2 * (values_.size() + 1) > slots_.size(); }

  // Where pages begin is far apart for pages that are near (Fibonacci hashing).
  std::size_t home(std::uintptr_t address) const noexcept {
    constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
    std::uint64_t page = (address >> kPageBits) * kGolden;
    std::uint64_t within = (address >> kValueBits) % (1U << (kPageBits - kValueBits));
    return static_cast<std::size_t>((page >> 32) + within) & (slots_.size() - 1);
  }

  // The one that has the address, or the free one where it would be.
  const Slot& slot_of(std::uintptr_t address) const noexcept {
    std::size_t at = home(address);
    while (slots_[at].address != address && slots_[at].address != kFree) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return slots_[at];
  }

  Slot& slot_of(std::uintptr_t address) noexcept {
    return const_cast<Slot&>(std::as_const(*this).slot_of(address));
  }

  void grow() {
    std::vector<Slot> slots(2 * slots_.size());
    slots_.swap(slots);
    for (const Slot& slot : slots) {
      if (slot.address != kFree) slot_of(slot.address) = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two of them
  std::vector<T> values_;
};

}  // namespace cirque::config
