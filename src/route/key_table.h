#pragma once
// Routing by key: a field of the request names a customer, the table says where that one lives, and
// everybody else goes to the default.
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "route/text_table.h"

namespace cirque::route {

struct KeySpec {
  std::string key;       // compared byte by byte; 1 to 65535 bytes
  std::uint32_t target;  // opaque to the table: the caller's index of a placement
};

// Built once, then read by any thread without a lock. 100,000 keys cost what ten do; see
// docs/routing.md for the figures.
class KeyTable {
 public:
  // Why a list of keys was refused, and which of them is meant.
  struct Refusal {
    enum class Kind : std::uint8_t { Empty, TooLong, Twice } kind;
    std::size_t at;            // the key that is wrong
    std::size_t first_at = 0;  // Twice: where the same key stands for the first time
  };

  // What was found. `known` tells a key of the table from one that got the default, which the
  // answer's explaining fields must tell apart.
  struct Found {
    std::uint32_t target;
    bool known;
  };

  KeyTable() = default;
  static std::expected<KeyTable, Refusal> compile(
      std::span<const KeySpec> keys, std::optional<std::uint32_t> fallback = std::nullopt);

  // Empty: the key is unknown and there is no default. An empty key is never known.
  std::optional<Found> find(std::string_view key) const noexcept;

  std::size_t bytes() const noexcept { return table_.bytes(); }

 private:
  TextTable table_;
  std::optional<std::uint32_t> fallback_;
};

}  // namespace cirque::route
