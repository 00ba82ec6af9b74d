#include "config/rate_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"

namespace cirque::config {
namespace {

using Kind = RatePart::Kind;

struct Word {
  std::string_view text;
  Kind kind;
  bool has_name;
};

constexpr std::array<Word, 9> kWords = {{{"address", Kind::Address, false},
                                         {"header", Kind::Header, true},
                                         {"cookie", Kind::Cookie, true},
                                         {"query", Kind::Query, true},
                                         {"host", Kind::Host, false},
                                         {"route", Kind::Route, false},
                                         {"pool", Kind::Pool, false},
                                         {"listener", Kind::Listener, false},
                                         {"method", Kind::Method, false}}};

// What other proxies call them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kElsewhere = {{
    {"ip", "address"},
    {"src", "address"},
    {"source", "address"},
    {"client", "address"},
    {"client_ip", "address"},
    {"remote_addr", "address"},
    {"remote_address", "address"},
    {"domain", "host"},
    {"param", "query:NAME"},
    {"parameter", "query:NAME"},
    {"field", "header:NAME"},
    {"service", "listener"},
}};

std::unexpected<Complaint> complain(std::string message, std::string hint = {}) {
  return std::unexpected(Complaint{std::move(message), std::move(hint)});
}

std::string nearest_word(std::string_view text) {
  auto word = base::lowered(text);
  auto elsewhere =
      std::ranges::find(kElsewhere, word, &std::pair<std::string_view, std::string_view>::first);
  if (elsewhere != kElsewhere.end()) return fmt::format("write {}", elsewhere->second);
  for (const auto& known : kWords) {
    if (base::edit_distance(word, known.text) <= 2) {
      return fmt::format("did you mean '{}{}'?", known.text, known.has_name ? ":NAME" : "");
    }
  }
  return {};
}

std::string text_of(const RatePart& part, const RateLimit& limit) {
  const auto& word = kWords.at(static_cast<std::size_t>(part.kind));
  if (word.has_name) return fmt::format("{} {}", word.text, part.name);
  if (part.kind != Kind::Address) return std::string(word.text);
  return fmt::format("address (/{}, /{})", limit.ipv4_prefix, limit.ipv6_prefix);
}

// A string of a structured field (RFC 9651 3.3.3) without anything to be escaped.
bool is_plain_name(std::string_view name) {
  return std::ranges::all_of(name,
                             [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

class Reading {
 public:
  Reading(const RateLimit& limit, const Places& places, Report& report)
      : limit_(limit), places_(places), report_(report) {}

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
  std::vector<RatePart> read_key() {
    std::vector<RatePart> parts;
    for (const auto& text : limit_.key) {
      auto part = parse_rate_part(text);
      if (!part) {
        auto& finding =
            add(Code::BadChoice, text, fmt::format("'{}' {}", text, part.error().message));
        finding.expected =
            "address, header:NAME, cookie:NAME, query:NAME, host, route, pool, "
            "listener or method";
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

  void check_key(const std::vector<RatePart>& parts) {
    bool has_address = std::ranges::find(parts, Kind::Address, &RatePart::kind) != parts.end();
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
    for (const auto& part : plan.key) parts.push_back(text_of(part, limit_));
    auto by = parts.empty() ? std::string("all requests together")
                            : fmt::format("by {}", fmt::join(parts, " and "));
    return fmt::format("{}: {} in {}, {} at once, {}{}", limit_.name, limit_.requests,
                       config::text_of(limit_.per), burst, by, limit_.dry_run ? ", dry run" : "");
  }

  Finding& add(Code code, const auto& field, std::string message) {
    const auto* spot = places_.at(&field);
    return report_.add(code, spot ? *spot : Spot{}, places_.path(&field), std::move(message));
  }

  const RateLimit& limit_;
  const Places& places_;
  Report& report_;
};

}  // namespace

Value<RatePart> parse_rate_part(std::string_view text) {
  auto colon = text.find(':');
  auto word = text.substr(0, colon);
  auto known = std::ranges::find(kWords, word, &Word::text);
  if (known == kWords.end()) return complain("is no part of a request", nearest_word(word));
  bool has_colon = colon != text.npos;
  auto name = has_colon ? text.substr(colon + 1) : std::string_view();
  if (!known->has_name) {
    if (has_colon) return complain("has a name, which only header, cookie and query have");
    return RatePart{.kind = known->kind};
  }
  if (name.empty()) return complain("has no name", fmt::format("write {}:NAME", word));
  bool is_good = known->kind == Kind::Query || base::is_token(name);
  if (!is_good) return complain(fmt::format("has a name that no {} has", word));
  if (known->kind == Kind::Header) {
    return RatePart{.kind = Kind::Header, .name = base::lowered(name), .id = name_of(name)};
  }
  return RatePart{.kind = known->kind, .name = std::string(name)};
}

RatePlan rate_plan_of(const RateLimit& limit, const Places& places, Report& report) {
  return Reading(limit, places, report).run();
}

}  // namespace cirque::config
