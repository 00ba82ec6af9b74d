#pragma once
// One access log line in each of the formats. Pure, and fast: written by the hundred thousand.
#include <array>
#include <string>

#include "observe/access_log.h"

namespace cirque::observe {

// Remembers the last second as text. One thread.
class AccessFormatter {
 public:
  // Texts above these are cut, and end in "...".
  static constexpr std::size_t kTargetMax = 2048;
  static constexpr std::size_t kTextMax = 512;

  // The most that the entry's line can come to.
  static std::size_t size_max(const AccessEntry& entry) noexcept;

  // Writes the line, with its newline; the position after it. Needs size_max() of room, and no text
  // that is_too_long().
  char* write(char* to, AccessFormat format, const AccessEntry& entry) noexcept;

  static bool is_too_long(const AccessEntry& entry) noexcept;

 private:
  char* json(char* to, const AccessEntry& entry) noexcept;
  char* text(char* to, const AccessEntry& entry) noexcept;
  char* combined(char* to, const AccessEntry& entry) noexcept;
  char* cells(char* to, const AccessEntry& entry) noexcept;
  void remember(std::int64_t second) noexcept;

  std::int64_t second_ = -1;
  char iso_[20] = {};     // 2026-11-20T22:00:00
  char common_[32] = {};  // 20/Nov/2026:22:00:00 +0000
};

// The same entry with its long texts cut, which it owns.
class CutEntry {
 public:
  explicit CutEntry(const AccessEntry& entry);

  const AccessEntry& entry() const noexcept { return entry_; }

 private:
  AccessEntry entry_;
  std::array<std::string, 11> texts_;
  Arena arena_;
  Headers fields_{arena_};
};

}  // namespace cirque::observe
