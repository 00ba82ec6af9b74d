#pragma once
// Regular expressions whose cost grows with the text alone, never with its cunning (RE2). This is
// the only door to that library.
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "route/finding.h"

namespace re2 {
class RE2;
}

namespace cirque::route {

// Immutable; any thread may match. RE2 syntax over bytes: "." is any byte. What it learns about an
// expression is cached inside within kMemoryBytesMax, under a lock that is shared but for a moment
// after an unseen kind of text; apart from that, matching takes no memory.
class Regex {
 public:
  static constexpr std::int64_t kMemoryBytesMax = 1 << 20;
  static constexpr std::size_t kTextBytesMax = 4096;

  static Parsed<Regex> compile(std::string_view text);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // The whole of `text`, not a part of it.
  bool matches(std::string_view text) const noexcept;

  std::string_view text() const noexcept;

  // Everything that matches stands between these two, both included, in the order of bytes.
  struct Range {
    std::string least;
    std::string greatest;
  };

  // Empty: nothing is known.
  std::optional<Range> range() const;

 private:
  explicit Regex(std::unique_ptr<re2::RE2> compiled) noexcept;

  std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace cirque::route
