// The canonical options: of how often something may be asked for. The lists that name them stand
// with what they limit.
#include "config/model_options.h"
#include "config/slots.h"

namespace cirque::config {
namespace {

const Option kOptions[] = {
    {.path = "rate_limits",
     .type = Type::List,
     .slot = RECORDS(Model, rate_limits),
     .doc = "How often may be asked, in all or by each client, for listeners, virtual hosts, "
            "routes, pools and keys of routing tables to name. A request too many gets 429: "
            "docs/rate-limits.md.",
     .also = "rate_limit ratelimit rate_limiting limit_req throttle"},
    {.path = "rate_limits[].name",
     .type = Type::Name,
     .slot = IN(RateLimit, name),
     .min = 1,
     .max = 128,
     .doc = "What others call it, and logs, metrics and the RateLimit fields of answers. A limit "
            "that keeps its name in a reload keeps its counts.",
     .example = "login",
     .need = Need::Required,
     .also = "id zone"},
    {.path = "rate_limits[].requests",
     .type = Type::Number,
     .slot = IN(RateLimit, requests),
     .min = 1,
     .max = 10'000'000,
     .doc = "How many requests may come in each `per`, evenly spread after a burst.",
     .example = "100",
     .need = Need::Required,
     .also = "rate limit rps average quota count"},
    {.path = "rate_limits[].per",
     .type = Type::Duration,
     .slot = IN(RateLimit, per),
     .min = kSecond,
     .max = 30 * kDay,
     .doc = "The time that `requests` is counted by.",
     .example = "1m",
     .also = "period window interval fill_interval"},
    {.path = "rate_limits[].burst",
     .type = Type::Number,
     .slot = IN(RateLimit, burst),
     .min = 1,
     .max = 10'000'000,
     .doc = "So many may come at once, after a silence; each is there again after per / requests. "
            "As many as `requests` when not given.",
     .example = "20",
     .also = "max_tokens capacity bucket"},
    {.path = "rate_limits[].key",
     .type = Type::Names,
     .slot = IN(RateLimit, key),
     .min = 1,
     .max = 256,
     .doc = "Whoever is the same in all of these is counted together: address (the client's), "
            "header:NAME, cookie:NAME, query:NAME, host, route, pool, listener, method. What a "
            "request does not have is an empty text. All requests together when not given.",
     .example = "[address]",
     .also = "keys by descriptors source src"},
    {.path = "rate_limits[].ipv4_prefix",
     .type = Type::Number,
     .slot = IN(RateLimit, ipv4_prefix),
     .min = 0,
     .max = 32,
     .doc = "So many leading bits of an IPv4 address tell clients apart.",
     .example = "24",
     .also = "ipv4_mask v4_prefix"},
    {.path = "rate_limits[].ipv6_prefix",
     .type = Type::Number,
     .slot = IN(RateLimit, ipv6_prefix),
     .min = 0,
     .max = 128,
     .doc = "And of an IPv6 address: a household has 64 bits for itself, and could be anybody in "
            "them.",
     .example = "56",
     .also = "ipv6_mask v6_prefix"},
    {.path = "rate_limits[].entries",
     .type = Type::Number,
     .slot = IN(RateLimit, entries),
     .min = 16,
     .max = 10'000'000,
     .doc = "So many keys are remembered, for 16 bytes of memory each, taken at once. Give twice "
            "as many as ask within burst * per / requests; beyond, those are forgotten first that "
            "have used least. Not of account without a key.",
     .example = "1000000",
     .also = "size max_entries table_size"},
    {.path = "rate_limits[].dry_run",
     .type = Type::Flag,
     .slot = IN(RateLimit, dry_run),
     .doc = "Count and log what would be refused, and let it pass.",
     .example = "true",
     .also = "shadow shadow_mode log_only"},
    {.path = "rate_limits[].headers",
     .type = Type::Flag,
     .slot = IN(RateLimit, headers),
     .doc = "Tell clients what they have left, in RateLimit and RateLimit-Policy of every answer. "
            "Refusals tell it always.",
     .example = "true",
     .also = "response_headers rate_limit_headers"},
};

}  // namespace

std::span<const Option> rate_options() noexcept {
  return kOptions;
}

}  // namespace cirque::config
