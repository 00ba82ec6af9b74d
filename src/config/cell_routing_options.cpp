// What the files of a router for cells may say.
#include "config/cell_routing.h"
#include "config/slots.h"

namespace cirque::config::cells {
namespace {

std::string& name_of(void* placement) {
  return static_cast<Placement*>(placement)->name;
}

Records placements_of() {
  auto records = RECORDS(File, placements);
  records.name = &name_of;
  return records;
}

constexpr std::uint64_t kHour = 3'600'000;

// What a placement says, in all shapes that have it. `list`: how the shape calls them.
#define PLACEMENT_OPTIONS(list)                                                                  \
  {.path = list,                                                                                 \
   .type = Type::Keyed,                                                                          \
   .slot = placements_of(),                                                                      \
   .doc = "Placements by their names.",                                                          \
   .also = "cells"},                                                                             \
      {.path = list "{}.url",                                                                    \
       .type = Type::Name,                                                                       \
       .slot = IN(Placement, url),                                                               \
       .min = 1,                                                                                 \
       .max = 2048,                                                                              \
       .doc = "Its endpoint.",                                                                   \
       .example = "http://cell-tier1:9001",                                                      \
       .also = "endpoint address"},                                                              \
      {.path = list "{}.fallback",                                                               \
       .type = Type::Name,                                                                       \
       .slot = IN(Placement, fallback),                                                          \
       .min = 1,                                                                                 \
       .max = 64,                                                                                \
       .doc = "The placement that stands in for it.",                                            \
       .example = "tier3"},                                                                      \
      {.path = list "{}.health_check",                                                           \
       .type = Type::Map,                                                                        \
       .slot = {},                                                                               \
       .doc = "How it is checked.",                                                              \
       .also = "health"},                                                                        \
      {.path = list "{}.health_check.path",                                                      \
       .type = Type::Name,                                                                       \
       .slot = IN(Placement, probe.path),                                                        \
       .min = 1,                                                                                 \
       .max = 2048,                                                                              \
       .doc = "What is asked for.",                                                              \
       .example = "/health"},                                                                    \
      {.path = list "{}.health_check.interval",                                                  \
       .type = Type::Duration,                                                                   \
       .slot = IN(Placement, probe.interval),                                                    \
       .min = 10,                                                                                \
       .max = kHour,                                                                             \
       .doc = "The time between checks.",                                                        \
       .example = "10s",                                                                         \
       .need = Need::Required,                                                                   \
       .is_go = true},                                                                           \
      {.path = list "{}.health_check.timeout",                                                   \
       .type = Type::Duration,                                                                   \
       .slot = IN(Placement, probe.timeout),                                                     \
       .min = 10,                                                                                \
       .max = kHour,                                                                             \
       .doc = "How long a check may take.",                                                      \
       .example = "2s",                                                                          \
       .need = Need::Required,                                                                   \
       .is_go = true},                                                                           \
      {.path = list "{}.circuit_breaker",                                                        \
       .type = Type::Map,                                                                        \
       .slot = {},                                                                               \
       .doc = "When it is given a rest.",                                                        \
       .also = "breaker"},                                                                       \
      {.path = list "{}.circuit_breaker.failure_threshold",                                      \
       .type = Type::Number,                                                                     \
       .slot = IN(Placement, breaker.failures),                                                  \
       .min = 0,                                                                                 \
       .max = 1'000'000,                                                                         \
       .doc = "So many failures in a row; 0 as where it is not given.",                          \
       .example = "5"},                                                                          \
      {.path = list "{}.circuit_breaker.timeout",                                                \
       .type = Type::Duration,                                                                   \
       .slot = IN(Placement, breaker.timeout),                                                   \
       .min = 10,                                                                                \
       .max = kHour,                                                                             \
       .doc = "For so long.",                                                                    \
       .example = "30s",                                                                         \
       .need = Need::Required,                                                                   \
       .is_go = true},                                                                           \
      {.path = list "{}.retries",                                                                \
       .type = Type::Map,                                                                        \
       .slot = {},                                                                               \
       .doc =                                                                                    \
           "What is asked for once more: GET, HEAD, PUT, DELETE and their like, after a 5xx or " \
           "when there was no answer.",                                                          \
       .also = "retry"},                                                                         \
      {.path = list "{}.retries.max",                                                            \
       .type = Type::Number,                                                                     \
       .slot = IN(Placement, retries.most),                                                      \
       .min = 0,                                                                                 \
       .max = 15,                                                                                \
       .doc = "So many times; 0: never.",                                                        \
       .example = "2",                                                                           \
       .need = Need::Required,                                                                   \
       .also = "attempts max_retries"},                                                          \
      {.path = list "{}.retries.backoff",                                                        \
       .type = Type::Duration,                                                                   \
       .slot = IN(Placement, retries.backoff),                                                   \
       .min = 0,                                                                                 \
       .max = 60'000,                                                                            \
       .doc =                                                                                    \
           "The pause before the first; twice as long each time, less up to half of it by "      \
           "chance.",                                                                            \
       .example = "25ms",                                                                        \
       .also = "base_interval delay",                                                            \
       .is_go = true},                                                                           \
      {.path = list "{}.retries.backoff_max",                                                    \
       .type = Type::Duration,                                                                   \
       .slot = IN(Placement, retries.backoff_max),                                               \
       .min = 0,                                                                                 \
       .max = 60'000,                                                                            \
       .doc = "But never longer.",                                                               \
       .example = "1s",                                                                          \
       .also = "max_interval",                                                                   \
       .is_go = true},                                                                           \
      {.path = list "{}.concurrency_limit",                                                      \
       .type = Type::Number,                                                                     \
       .slot = IN(Placement, concurrency),                                                       \
       .min = 0,                                                                                 \
       .max = 10'000'000,                                                                        \
       .doc = "Requests at a time; 0: any number.",                                              \
       .example = "100"},                                                                        \
      {.path = list "{}.max_request_body_bytes",                                                 \
       .type = Type::Number,                                                                     \
       .slot = IN(Placement, body_bytes),                                                        \
       .min = 0,                                                                                 \
       .max = std::uint64_t{1} << 40,                                                            \
       .doc = "The largest body of a request; 0: any.",                                          \
       .example = "10485760"}

// Requests a second, of a placement or of a routing key.
#define RATE_OPTIONS                                                     \
  {.path = "rate_limits",                                                \
   .type = Type::List,                                                   \
   .slot = RECORDS(File, rates),                                         \
   .doc = "Requests a second, each of a placement or of a routing key.", \
   .also = "rate_limit limits"},                                         \
      {.path = "rate_limits[].placement",                                \
       .type = Type::Name,                                               \
       .slot = IN(Rate, placement),                                      \
       .min = 1,                                                         \
       .max = 64,                                                        \
       .doc = "Of a placement.",                                         \
       .example = "tier1"},                                              \
      {.path = "rate_limits[].routing_key",                              \
       .type = Type::Text,                                               \
       .slot = IN(Rate, key),                                            \
       .min = 1,                                                         \
       .max = 1024,                                                      \
       .doc = "Of a routing key.",                                       \
       .example = "acme",                                                \
       .also = "key customer tenant"},                                   \
      {.path = "rate_limits[].rps",                                      \
       .type = Type::Number,                                             \
       .slot = IN(Rate, rps),                                            \
       .min = 1,                                                         \
       .max = 10'000'000,                                                \
       .doc = "How many.",                                               \
       .example = "100",                                                 \
       .need = Need::Required,                                           \
       .also = "requests_per_second rate limit"},                        \
      {.path = "rate_limits[].burst",                                    \
       .type = Type::Number,                                             \
       .slot = IN(Rate, burst),                                          \
       .min = 1,                                                         \
       .max = 10'000'000,                                                \
       .doc = "How many at once; a tenth of rps when not given.",        \
       .example = "20"}

const Option kOptions[] = {
    {.path = "version",
     .type = Type::Name,
     .slot = IN(File, version),
     .min = 0,
     .max = 256,
     .doc = "What this configuration is called.",
     .example = "1.0.0",
     .need = Need::Required},
    {.path = "routingTable",
     .type = Type::Table,
     .slot = IN(File, table),
     .min = 1,
     .max = 64,
     .doc = "From routing keys to placements.",
     .example = "{acme: tier1}",
     .need = Need::Required,
     .also = "routing_table routes"},
    {.path = "cellEndpoints",
     .type = Type::Table,
     .slot = IN(File, endpoints),
     .min = 1,
     .max = 2048,
     .doc = "From placements to the URLs of their endpoints.",
     .example = "{tier1: 'http://cell-tier1:9001'}",
     .also = "cell_endpoints endpoints"},
    PLACEMENT_OPTIONS("placements"),
    {.path = "defaultPlacement",
     .type = Type::Name,
     .slot = IN(File, otherwise),
     .min = 1,
     .max = 64,
     .doc = "The placement of all other keys.",
     .example = "tier3",
     .need = Need::Required,
     .also = "default_placement default"},
    RATE_OPTIONS,
};

const Option kDraftOptions[] = {
    {.path = "version",
     .type = Type::Name,
     .slot = IN(File, version),
     .min = 0,
     .max = 256,
     .doc = "What this configuration is called.",
     .example = "1.0.0"},
    {.path = "customer_to_placement",
     .type = Type::Table,
     .slot = IN(File, table),
     .min = 1,
     .max = 64,
     .doc = "From routing keys to placements.",
     .example = "{acme: tier1}",
     .need = Need::Required},
    PLACEMENT_OPTIONS("placement_to_endpoint"),
    {.path = "default_placement",
     .type = Type::Name,
     .slot = IN(File, otherwise),
     .min = 1,
     .max = 64,
     .doc = "The placement of all other keys.",
     .example = "tier3",
     .need = Need::Required},
    RATE_OPTIONS,
};

#undef PLACEMENT_OPTIONS
#undef RATE_OPTIONS

std::shared_ptr<void> make_file() {
  return std::make_shared<File>();
}

}  // namespace

const Schema& schema() {
  static const Schema schema(kOptions, make_file);
  return schema;
}

const Schema& draft_schema() {
  static const Schema schema(kDraftOptions, make_file);
  return schema;
}

}  // namespace cirque::config::cells
