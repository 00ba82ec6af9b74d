#pragma once
// One access log line in each of the formats. Pure, and fast: written by the hundred thousand.
#include <string>

#include "observe/access_log.h"

namespace cirque::observe {

// Remembers the last second as text. One thread.
class AccessFormatter {
 public:
  // Appends the line, with its newline.
  void append(std::string& to, AccessFormat format, const AccessEntry& entry);

 private:
  void json(std::string& to, const AccessEntry& entry);
  void text(std::string& to, const AccessEntry& entry);
  void combined(std::string& to, const AccessEntry& entry);
  void remember(std::int64_t second);

  std::int64_t second_ = -1;
  char iso_[20] = {};     // 2026-11-20T22:00:00
  char common_[32] = {};  // 20/Nov/2026:22:00:00 +0000
};

}  // namespace cirque::observe
