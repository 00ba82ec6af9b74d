#include "config/go_duration.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace cirque::config {
namespace {

struct Unit {
  std::string_view name;
  Duration each;
};

// The micro sign and the Greek letter are two characters that look alike.
constexpr std::array<Unit, 9> kUnits = {{{"ns", 1ns},
                                         {"us", 1us},
                                         {"\xc2\xb5s", 1us},
                                         {"\xce\xbcs", 1us},
                                         {"ms", 1ms},
                                         {"s", 1s},
                                         {"m", 1min},
                                         {"h", 1h},
                                         {"d", 24h}}};

constexpr std::string_view kDigits = "0123456789";

std::string_view take(std::string_view& rest, std::size_t end) {
  auto taken = rest.substr(0, end);
  rest.remove_prefix(taken.size());
  return taken;
}

// Of a fraction, in nanoseconds; what is finer is dropped, as Go does.
std::int64_t part_of(std::string_view fraction, Duration each) {
  std::int64_t sum = 0;
  auto left = each.count();
  for (char digit : fraction) {
    left /= 10;
    sum += (digit - '0') * left;
  }
  return sum;
}

// None: no number with a unit stands there, or it is too long.
std::optional<std::int64_t> take_part(std::string_view& rest) {
  auto whole = take(rest, rest.find_first_not_of(kDigits));
  std::string_view fraction;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = take(rest, rest.find_first_not_of(kDigits));
  }
  auto name = take(rest, rest.find_first_of("0123456789."));
  auto unit = std::ranges::find(kUnits, name, &Unit::name);
  auto number = whole.empty() ? 0 : base::parse_number(whole, INT64_MAX);
  bool is_good = number && unit != kUnits.end() && !(whole.empty() && fraction.empty());
  if (!is_good) return std::nullopt;
  std::int64_t part = 0;
  if (__builtin_mul_overflow(static_cast<std::int64_t>(*number), unit->each.count(), &part) ||
      __builtin_add_overflow(part, part_of(fraction, unit->each), &part)) {
    return std::nullopt;
  }
  return part;
}

}  // namespace

Value<Duration> parse_go_duration(std::string_view text) {
  auto refused = std::unexpected(Complaint{"is not a duration", {}});
  if (text == "0") return Duration::zero();
  if (looks_like_number(text)) return parse_duration(text);  // which says what is missing
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return refused;
  std::int64_t total = 0;
  while (!text.empty()) {
    auto part = take_part(text);
    if (!part || __builtin_add_overflow(total, *part, &total)) return refused;
  }
  if (total > INT64_MAX - Duration(1ms).count()) return refused;  // to be rounded up
  return std::chrono::ceil<std::chrono::milliseconds>(Duration(total));
}

}  // namespace cirque::config
