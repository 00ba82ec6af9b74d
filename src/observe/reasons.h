#pragma once
// Why requests end as they do: every slug that a user can meet in the log, the metrics, the error
// page or Proxy-Status, who is to blame, and what it means.
#include <cstdint>
#include <span>
#include <string_view>

namespace cirque::observe {

enum class Blame : unsigned char { Nobody, Client, Proxy, Upstream };

struct Reason {
  std::string_view slug;
  Blame blame;
  std::uint16_t
      status;  // what it is answered or logged with, unless the error says otherwise; 0: none
  std::string_view meaning;
};

// In a fixed order; a reason's place is its index in the metrics.
std::span<const Reason> reasons() noexcept;

// The place of any slug, a few ns; that of internal_error for a slug that is not in the list.
unsigned reason_index(std::string_view slug) noexcept;
bool is_reason(std::string_view slug) noexcept;

inline constexpr unsigned kReasonsMax = 96;

}  // namespace cirque::observe
