#include "config/rate_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/critic.h"
#include "config/values.h"

namespace cirque::config {
namespace {

using Kind = RequestPart::Kind;

constexpr Kind kParts[] = {Kind::Address, Kind::Header, Kind::Cookie,   Kind::Query, Kind::Host,
                           Kind::Route,   Kind::Pool,   Kind::Listener, Kind::Method};

std::string told_of(const RequestPart& part, const RateLimit& limit) {
  if (part.kind != Kind::Address) return text_of(part);
  return fmt::format("address (/{}, /{})", limit.ipv4_prefix, limit.ipv6_prefix);
}

// A string of a structured field (RFC 9651 3.3.3) without anything to be escaped.
bool is_plain_name(std::string_view name) {
  return std::ranges::all_of(name,
                             [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

class Reading : Critic {
 public:
  Reading(const RateLimit& limit, const Places& places, Report& report)
      : Critic(places, report), limit_(limit) {}

  RatePlan run() {
    auto burst = limit_.burst > 0 ? limit_.burst : limit_.requests;
    RatePlan plan{
        .name = limit_.name,
        .rate = base::Rate::of(std::max(1U, limit_.requests), limit_.per, std::max(1U, burst)),
        .key = read_key(),
        .ipv4_prefix = limit_.ipv4_prefix,
        .ipv6_prefix = limit_.ipv6_prefix,
        .entries = limit_.key.empty() ? 1 : limit_.entries,
        .dry_run = limit_.dry_run,
        .headers = limit_.headers,
        .policy = {},
        .told = {}};
    check_name();
    check_credit(std::max(1U, burst));
    check_key(plan.key);
    auto seconds = (limit_.per + 1s - 1ns) / 1s;
    plan.policy = fmt::format("\"{}\";q={};w={}", limit_.name, limit_.requests, seconds);
    plan.told = told(plan, burst);
    return plan;
  }

 private:
  std::vector<RequestPart> read_key() {
    std::vector<RequestPart> parts;
    for (const auto& text : limit_.key) {
      auto part = parse_request_part(text, kParts);
      if (!part) {
        auto& finding =
            add(Code::BadChoice, text, fmt::format("'{}' {}", text, part.error().message));
        finding.expected = list_of(kParts);
        finding.hint = part.error().hint;
      } else if (std::ranges::find(parts, *part) != parts.end()) {
        add(Code::BadRateLimit, text, fmt::format("'{}' is in the key already", text));
      } else {
        parts.push_back(std::move(*part));
      }
    }
    return parts;
  }

  void check_name() {
    if (is_plain_name(limit_.name)) return;
    add(Code::BadText, limit_.name,
        fmt::format("the name '{}' cannot stand in the field RateLimit", limit_.name))
        .expected = "ASCII characters without space, quote and backslash";
  }

  // See Rate::of, which would make it less.
  void check_credit(unsigned burst) {
    constexpr auto kYear = 24h * 365;
    bool is_short = burst <= kYear / (limit_.per / std::max(1U, limit_.requests) + 1ns);
    if (is_short) return;
    const auto& field = places_.at(&limit_.burst) ? limit_.burst : limit_.requests;
    add(Code::BadRateLimit, field,
        fmt::format("{} at once, at {} in {}: it would take more than a year until all of them "
                    "are there again",
                    burst, limit_.requests, config::text_of(limit_.per)))
        .expected = "a smaller burst, or a higher rate";
  }

  void check_key(const std::vector<RequestPart>& parts) {
    bool has_address = std::ranges::find(parts, Kind::Address, &RequestPart::kind) != parts.end();
    for (const unsigned* prefix : {&limit_.ipv4_prefix, &limit_.ipv6_prefix}) {
      if (has_address || !places_.at(prefix) || parts.size() < limit_.key.size()) continue;
      add(Code::BadRateLimit, *prefix, "this is about addresses, which are not in the key")
          .expected = "address among the parts of the key";
    }
    if (limit_.key.empty() && places_.at(&limit_.entries)) {
      add(Code::BadRateLimit, limit_.entries,
          "without a key all requests are counted together, and there is one entry")
          .expected = "a key, or no entries";
    }
  }

  std::string told(const RatePlan& plan, unsigned burst) const {
    std::vector<std::string> parts;
    for (const auto& part : plan.key) parts.push_back(told_of(part, limit_));
    auto by = parts.empty() ? std::string("all requests together")
                            : fmt::format("by {}", fmt::join(parts, " and "));
    return fmt::format("{}: {} in {}, {} at once, {}{}", limit_.name, limit_.requests,
                       config::text_of(limit_.per), burst, by, limit_.dry_run ? ", dry run" : "");
  }

  const RateLimit& limit_;
};

}  // namespace

RatePlan rate_plan_of(const RateLimit& limit, const Places& places, Report& report) {
  return Reading(limit, places, report).run();
}

}  // namespace cirque::config
