#pragma once
// From names to their numbers while something is compiled: views of names that stay where they are,
// a hundred thousand of them without an allocation each. What is compiled is looked up elsewhere
// (route/text_table.h).
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace cirque::route {

class NameIndex {
 public:
  struct Entry {
    std::string_view name;
    std::uint32_t number;
  };

  // Takes no memory for none.
  explicit NameIndex(std::size_t expected = 0);

  // The number of the first with that name, and whether it is this one. Keeps a view of `name`.
  std::pair<std::uint32_t, bool> emplace(std::string_view name, std::uint32_t number);

  // Null: none. Lives until the next emplace().
  const std::uint32_t* find(std::string_view name) const noexcept;

  bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }

  // In the order in which they came.
  std::span<const Entry> entries() const noexcept { return entries_; }

  std::size_t size() const noexcept { return entries_.size(); }

  bool empty() const noexcept { return entries_.empty(); }

 private:
  struct Slot {
    std::uint32_t fingerprint = 0;
    std::uint32_t entry = kFree;
  };

  static constexpr std::uint32_t kFree = 0xffffffff;

  std::size_t slot_of(std::string_view name, std::uint64_t hash) const noexcept;
  void grow();

  std::vector<Slot> slots_;  // none, or a power of two of them, of which at most half are taken
  std::vector<Entry> entries_;
};

}  // namespace cirque::route
