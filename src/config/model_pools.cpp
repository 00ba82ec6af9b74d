// The canonical options: of what is behind us: pools, backends, and the tables that lead to them.
#include "config/model_options.h"
#include "config/slots.h"
#include "config/statuses.h"

namespace cirque::config {
namespace {

// Of a health check: the pools' own, and that of the pools which tags make.
#define HEALTH_OPTIONS(prefix, Record, member)                                                    \
  {.path = prefix "health_check.timeout",                                                         \
   .type = Type::Duration,                                                                        \
   .slot = IN(Record, member.timeout),                                                            \
   .min = kShort,                                                                                 \
   .max = 10 * kMinute,                                                                           \
   .doc = "How long a check may take.",                                                           \
   .example = "500ms",                                                                            \
   .also = "timeout_ms timeout_secs"},                                                            \
      {.path = prefix "health_check.interval",                                                    \
       .type = Type::Duration,                                                                    \
       .slot = IN(Record, member.interval),                                                       \
       .min = kShort,                                                                             \
       .max = kHour,                                                                              \
       .doc = "The time from one check to the next.",                                             \
       .example = "5s",                                                                           \
       .also = "frequency_secs frequency every interval_secs"},                                   \
      {.path = prefix "health_check.unhealthy_threshold",                                         \
       .type = Type::Number,                                                                      \
       .slot = IN(Record, member.unhealthy_threshold),                                            \
       .min = 1,                                                                                  \
       .max = 100,                                                                                \
       .doc = "So many checks in a row must fail before the backend is taken out.",               \
       .example = "3",                                                                            \
       .also = "fall failures"},                                                                  \
      {.path = prefix "health_check.healthy_threshold",                                           \
       .type = Type::Number,                                                                      \
       .slot = IN(Record, member.healthy_threshold),                                              \
       .min = 1,                                                                                  \
       .max = 100,                                                                                \
       .doc = "So many checks in a row must succeed before it is back.",                          \
       .example = "2",                                                                            \
       .also = "rise passes successes"},                                                          \
      {.path = prefix "health_check.path",                                                        \
       .type = Type::Text,                                                                        \
       .slot = IN(Record, member.path),                                                           \
       .min = 1,                                                                                  \
       .max = 2048,                                                                               \
       .doc =                                                                                     \
           "Ask for this, and take an answer of 2xx alone for healthy. Without it, a connection " \
           "that opens is enough.",                                                               \
       .example = "/health",                                                                      \
       .also = "http_path uri url"},                                                              \
      {.path = prefix "health_check.method",                                                      \
       .type = Type::Choice,                                                                      \
       .slot = IN(Record, member.method),                                                         \
       .doc = "How it is asked for. A POST has no body.",                                         \
       .example = "HEAD",                                                                         \
       .choices = "GET HEAD OPTIONS POST",                                                        \
       .also = "http_method verb"},                                                               \
      {.path = prefix "health_check.host",                                                        \
       .type = Type::Name,                                                                        \
       .slot = IN(Record, member.host),                                                           \
       .min = 1,                                                                                  \
       .max = 255,                                                                                \
       .doc =                                                                                     \
           "The Host of the check. Without it the pool's host, or else the backend as it is "     \
           "written.",                                                                            \
       .example = "app.internal",                                                                 \
       .also = "host_header authority hostname"},                                                 \
      {.path = prefix "health_check.headers",                                                     \
       .type = Type::Table,                                                                       \
       .slot = IN(Record, member.headers),                                                        \
       .min = 1,                                                                                  \
       .max = 1024,                                                                               \
       .doc =                                                                                     \
           "Fields that the check has besides. Host, those that end a message and those that "    \
           "speak of the connection are not for here.",                                           \
       .example = "{X-Probe: cirque}",                                                            \
       .also = "header request_headers_to_add fields"},                                           \
      {.path = prefix "health_check.statuses",                                                    \
       .type = Type::Statuses,                                                                    \
       .slot = IN(Record, member.statuses),                                                       \
       .min = kStatusMin,                                                                         \
       .max = kStatusMax,                                                                         \
       .doc =                                                                                     \
           "The answers that are healthy: statuses from 200 to 599, classes and ranges of them. " \
           "Without it, 2xx. A redirect is not followed.",                                        \
       .example = "[2xx, 301, 400-404]",                                                          \
       .also = "status expected_statuses expect_status codes ok_status"},                         \
      {.path = prefix "health_check.body",                                                        \
       .type = Type::Text,                                                                        \
       .slot = IN(Record, member.body),                                                           \
       .min = 1,                                                                                  \
       .max = 1024,                                                                               \
       .doc = "A text that must occur in the first 64 KiB of the answer's body, byte for byte.",  \
       .example = "'\"status\":\"ok\"'",                                                          \
       .also = "expect_body contains receive match"}

const Option kOptions[] = {
    {.path = "pools",
     .type = Type::List,
     .slot = RECORDS(Model, pools),
     .doc = "Sets of interchangeable backends.",
     .also = "upstreams clusters backend_pools upstream"},
    {.path = "pools[].name",
     .type = Type::Name,
     .slot = IN(Pool, name),
     .min = 1,
     .max = 64,
     .doc = "What routes call it, and logs and metrics. No two share a name.",
     .example = "web",
     .need = Need::Required,
     .also = "id"},
    {.path = "pools[].backends",
     .type = Type::Members,
     .slot = IN(Pool, backends),
     .doc = "Addresses, and ids of `backends`. They take turns, round robin over the healthy ones. "
            "All addresses of a name are used, and the name is resolved again every "
            "timeouts.dns_refresh.",
     .example = "['127.0.0.1:3000', web-v1]",
     .also = "servers upstreams targets members endpoints"},
    {.path = "pools[].tag",
     .type = Type::Name,
     .slot = IN(Pool, tag),
     .min = 1,
     .max = 64,
     .doc = "All `backends` that carry this tag, besides those that are listed.",
     .example = "a",
     .also = "tags"},
    {.path = "pools[].host",
     .type = Type::Name,
     .slot = IN(Pool, host),
     .min = 1,
     .max = 255,
     .doc = "The Host that the backends are asked for; X-Forwarded-Host has the client's. Without "
            "it they are asked for the client's.",
     .example = "app.internal",
     .also = "host_header authority"},
    {.path = "pools[].balance",
     .type = Type::Map,
     .slot = {},
     .doc = "Who gets which request.",
     .also = "load_balancing lb_policy balancing"},
    {.path = "pools[].balance.method",
     .type = Type::Choice,
     .slot = IN(Pool, balance.method),
     .doc =
         "round_robin: in turns, by weight. least_requests: who has the fewest under way. "
         "latency: the quicker of two that are drawn, by the time that answers take and how many "
         "are under way (peak EWMA). random. hash: the same backend for the same hash_by "
         "(Maglev, with bounded load).",
     .example = "latency",
     .choices = "round_robin least_requests latency random hash",
     .also = "algorithm policy type"},
    {.path = "pools[].balance.hash_by",
     .type = Type::Name,
     .slot = IN(Pool, balance.hash_by),
     .min = 1,
     .max = 128,
     .doc = "With hash: header:NAME, cookie:NAME, query:NAME, path or address (the "
            "client's). A request without it goes anywhere.",
     .example = "'header:X-User'",
     .also = "key hash_key hash_on"},
    {.path = "pools[].balance.hash_bound",
     .type = Type::Number,
     .slot = IN(Pool, balance.hash_bound),
     .min = 0,
     .max = 10'000,
     .doc =
         "With hash: a backend that has so many percent of the average under way passes requests "
         "on, so that one key in great demand does not drown it. More than 100. 0: every key "
         "stays where it belongs.",
     .example = "125",
     .also = "balance_factor hash_balance_factor"},
    {.path = "pools[].balance.slow_start",
     .type = Type::Duration,
     .slot = IN(Pool, balance.slow_start),
     .min = 0,
     .max = kHour,
     .doc = "A backend that has come, or come back, begins with a tenth of its weight and has all "
            "of it after so long. Not with hash.",
     .example = "30s",
     .also = "slowstart warmup"},
    {.path = "pools[].balance.spill_below",
     .type = Type::Number,
     .slot = IN(Pool, balance.spill_below),
     .min = 0,
     .max = 100,
     .doc = "Once fewer than so many percent of a priority's backends (by weight) are usable, the "
            "next priority takes a part of its requests, and all when none is.",
     .example = "50"},
    {.path = "pools[].balance.panic_below",
     .type = Type::Number,
     .slot = IN(Pool, balance.panic_below),
     .min = 0,
     .max = 100,
     .doc =
         "Once fewer than so many percent of all backends are usable and no priority can take "
         "more, health is not believed and everybody is asked. 0: never; then with nobody usable "
         "the answer is 503.",
     .example = "50",
     .also = "panic_threshold healthy_panic_threshold"},
    {.path = "pools[].sticky",
     .type = Type::Map,
     .slot = {},
     .doc =
         "Keeps a client with the backend that answered it first, by a signed cookie, as long as "
         "that backend is well: docs/pools.md.",
     .also = "session_affinity stickiness persistence sticky_session"},
    {.path = "pools[].sticky.cookie",
     .type = Type::Name,
     .slot = IN(Pool, sticky.cookie),
     .min = 1,
     .max = 128,
     .doc = "The cookie's name. Without it nobody is kept anywhere.",
     .example = "cirque_sticky",
     .also = "name cookie_name"},
    {.path = "pools[].sticky.keys",
     .type = Type::Names,
     .slot = IN(Pool, sticky.keys),
     .min = 1,
     .max = 4096,
     .doc =
         "Files with the keys that cookies are signed with, file:PATH, from the folder of this "
         "file. The first signs, all are good for reading. Without them a key is made by chance: "
         "then other nodes, and this one after its next start, do not know the cookies.",
     .example = "['file:sticky.key']",
     .also = "key secret secrets",
     .is_ordered = true,
     .is_secret = true},
    {.path = "pools[].sticky.max_age",
     .type = Type::Duration,
     .slot = IN(Pool, sticky.max_age),
     .min = 0,
     .max = 400 * kDay,
     .doc = "How long a browser keeps the cookie; 0: until it is closed.",
     .example = "8h",
     .also = "expires expiry ttl"},
    {.path = "pools[].sticky.path",
     .type = Type::Name,
     .slot = IN(Pool, sticky.path),
     .min = 1,
     .max = 1024,
     .doc = "The paths that the cookie is sent for.",
     .example = "/shop"},
    {.path = "pools[].sticky.secure",
     .type = Type::Choice,
     .slot = IN(Pool, sticky.secure),
     .doc = "Whether the cookie is for TLS only. auto: if the client has come by TLS.",
     .example = "always",
     .choices = "auto always never"},
    {.path = "pools[].sticky.http_only",
     .type = Type::Flag,
     .slot = IN(Pool, sticky.http_only),
     .doc = "Scripts of a page do not see the cookie.",
     .example = "false",
     .also = "httponly"},
    {.path = "pools[].sticky.same_site",
     .type = Type::Choice,
     .slot = IN(Pool, sticky.same_site),
     .doc = "Whether it is sent with requests that other sites' pages make.",
     .example = "strict",
     .choices = "lax strict none",
     .also = "samesite"},
    {.path = "pools[].health_check",
     .type = Type::Map,
     .slot = {},
     .doc = "A TCP connection is opened to every backend from time to time; one that does not "
            "answer gets no requests until it does.",
     .also = "health healthcheck check"},
    HEALTH_OPTIONS("pools[].", Pool, health_check),
    {.path = "pools[].passive_health",
     .type = Type::Map,
     .slot = {},
     .doc = "A backend whose answers to requests are bad is left out for a while, and longer each "
            "time; never the last usable one. It is asked all the same once no other is left.",
     .also = "outlier_detection outliers passive passive_health_check"},
    {.path = "pools[].passive_health.errors",
     .type = Type::Number,
     .slot = IN(Pool, passive_health.errors),
     .min = 0,
     .max = 1'000'000,
     .doc = "So many failures in a row, 5xx or no answer, leave it out. 0: they are not counted.",
     .example = "5",
     .also = "consecutive_5xx max_fails"},
    {.path = "pools[].passive_health.gateway_errors",
     .type = Type::Number,
     .slot = IN(Pool, passive_health.gateway_errors),
     .min = 0,
     .max = 1'000'000,
     .doc = "The same for 502, 503, 504 and no answer alone. 0: they are not counted.",
     .example = "5",
     .also = "consecutive_gateway_failure"},
    {.path = "pools[].passive_health.compare",
     .type = Type::Flag,
     .slot = IN(Pool, passive_health.compare),
     .doc = "Leave out, too, whose share of good answers is far below the others' (1.9 standard "
            "deviations), looked at every 10s: of backends with 100 requests or more, if 5 have "
            "so many.",
     .example = "true",
     .also = "success_rate"},
    {.path = "pools[].passive_health.ejection",
     .type = Type::Duration,
     .slot = IN(Pool, passive_health.ejection),
     .min = kShort,
     .max = kDay,
     .doc = "How long it is left out the first time; then twice, three times as long.",
     .example = "30s",
     .also = "base_ejection_time fail_timeout eject_for"},
    {.path = "pools[].passive_health.ejection_max",
     .type = Type::Duration,
     .slot = IN(Pool, passive_health.ejection_max),
     .min = kShort,
     .max = kDay,
     .doc = "But never longer.",
     .example = "5m",
     .also = "max_ejection_time"},
    {.path = "pools[].passive_health.ejected_percent_max",
     .type = Type::Number,
     .slot = IN(Pool, passive_health.ejected_percent_max),
     .min = 0,
     .max = 100,
     .doc = "No more than so many percent of the backends are left out at a time; but one always "
            "may be, where there are several.",
     .example = "50",
     .also = "max_ejection_percent"},
    {.path = "pools[].retries",
     .type = Type::Map,
     .slot = {},
     .doc = "A request whose attempt fails goes to the next backend. Whether the method is "
            "idempotent or not, as long as no backend has seen it; if one may have, only "
            "idempotent ones, and none of whose answer a byte was here.",
     .also = "retry retry_policy"},
    {.path = "pools[].retries.attempts",
     .type = Type::Number,
     .slot = IN(Pool, retries.attempts),
     .min = 0,
     .max = 15,
     .doc = "To so many backends more may a request be shown. Those that it cannot be connected to "
            "do not count: all are tried.",
     .example = "2",
     .also = "max max_retries num_retries tries"},
    {.path = "pools[].retries.per_try_timeout",
     .type = Type::Duration,
     .slot = IN(Pool, retries.per_try_timeout),
     .min = 0,
     .max = kDay,
     .doc =
         "A backend that has the request has this long for the head of its answer, then the next "
         "is asked; connecting has timeouts.upstream_connect. 0: timeouts.upstream_header.",
     .example = "2s",
     .also = "try_timeout try_duration"},
    {.path = "pools[].retries.statuses",
     .type = Type::Statuses,
     .slot = IN(Pool, retries.statuses),
     .min = 500,
     .max = kStatusMax,
     .doc =
         "Answers that are as good as none. When no retry is left, the last such answer is told.",
     .example = "[502-504]",
     .also = "retry_on status codes on_status retriable_status_codes"},
    {.path = "pools[].retries.same_backend",
     .type = Type::Flag,
     .slot = IN(Pool, retries.same_backend),
     .doc = "When all were asked, begin again, after a pause also with those that could not be "
            "connected to, at most `attempts` times. For pools of one backend that is away for "
            "moments.",
     .example = "true",
     .also = "retry_same redispatch"},
    {.path = "pools[].retries.backoff",
     .type = Type::Duration,
     .slot = IN(Pool, retries.backoff),
     .min = 0,
     .max = 60 * kSecond,
     .doc = "The pause before a request that was seen is sent again; twice as long each time, less "
            "up to half of it by chance.",
     .example = "25ms",
     .also = "base_interval delay"},
    {.path = "pools[].retries.backoff_max",
     .type = Type::Duration,
     .slot = IN(Pool, retries.backoff_max),
     .min = 0,
     .max = 60 * kSecond,
     .doc = "But never longer.",
     .example = "1s",
     .also = "max_interval"},
    {.path = "pools[].retries.budget_percent",
     .type = Type::Number,
     .slot = IN(Pool, retries.budget_percent),
     .min = 0,
     .max = 100,
     .doc = "Retries of requests that were seen are at most so many percent of the requests of the "
            "last 10s, and budget_per_second more.",
     .example = "20",
     .also = "budget retry_budget"},
    {.path = "pools[].retries.budget_per_second",
     .type = Type::Number,
     .slot = IN(Pool, retries.budget_per_second),
     .min = 0,
     .max = 1'000'000,
     .doc = "So that a quiet pool retries at all.",
     .example = "3",
     .also = "min_retries_per_second"},
    {.path = "pools[].retries.body",
     .type = Type::Size,
     .slot = IN(Pool, retries.body),
     .min = 0,
     .max = 16 * kMega,
     .doc = "So much of the body of an idempotent request is kept, so that it can be sent again. A "
            "larger one is sent once.",
     .example = "64k",
     .also = "buffer body_buffer max_body"},
    {.path = "pools[].circuit_breaker",
     .type = Type::Map,
     .slot = {},
     .doc = "After so many failures in a row (5xx, or no answer) the pool gets no requests for a "
            "while; then one, which decides.",
     .also = "breaker circuit"},
    {.path = "pools[].circuit_breaker.failure_threshold",
     .type = Type::Number,
     .slot = IN(Pool, circuit_breaker.failure_threshold),
     .min = 0,
     .max = 1'000'000,
     .doc = "So many failures in a row open it; 0: there is no breaker.",
     .example = "5",
     .also = "failures threshold"},
    {.path = "pools[].circuit_breaker.timeout",
     .type = Type::Duration,
     .slot = IN(Pool, circuit_breaker.timeout),
     .min = kShort,
     .max = kHour,
     .doc = "How long it stays open before one request may try.",
     .example = "30s",
     .also = "open_for reset_timeout"},
    {.path = "pools[].fallback",
     .type = Type::Name,
     .slot = IN(Pool, fallback),
     .min = 1,
     .max = 64,
     .doc = "The pool that takes the requests while this one's breaker is open or none of its "
            "backends is healthy; X-Failover-Reason tells which. Without it, a routing table's "
            "default stands in for a pool without healthy backends.",
     .example = "tier3",
     .also = "failover backup"},
    {.path = "pools[].concurrency_limit",
     .type = Type::Number,
     .slot = IN(Pool, concurrency_limit),
     .min = 0,
     .max = 10'000'000,
     .doc = "Requests at a time, of all workers together; the next waits in the queue, if there is "
            "one, or gets 429. 0: any number.",
     .example = "100",
     .also = "max_concurrency max_requests"},
    {.path = "pools[].adaptive_limit",
     .type = Type::Map,
     .slot = {},
     .doc = "Instead of concurrency_limit: the limit is found out. It rises while answers are as "
            "quick as ever, and falls when they take longer, as requests then only wait for each "
            "other.",
     .also = "adaptive_concurrency"},
    {.path = "pools[].adaptive_limit.max",
     .type = Type::Number,
     .slot = IN(Pool, adaptive_limit.max),
     .min = 0,
     .max = 1'000'000,
     .doc = "It never rises above that. 0: there is no such limit.",
     .example = "500",
     .also = "max_concurrency ceiling"},
    {.path = "pools[].adaptive_limit.min",
     .type = Type::Number,
     .slot = IN(Pool, adaptive_limit.min),
     .min = 1,
     .max = 1'000'000,
     .doc = "Nor does it fall below that.",
     .example = "4",
     .also = "min_concurrency floor"},
    {.path = "pools[].adaptive_limit.window",
     .type = Type::Duration,
     .slot = IN(Pool, adaptive_limit.window),
     .min = kShort,
     .max = 60 * kSecond,
     .doc =
         "How often it is looked at: the answers of so long count as one measurement, once there "
         "are ten.",
     .example = "1s",
     .also = "interval period"},
    {.path = "pools[].backend_concurrency_limit",
     .type = Type::Number,
     .slot = IN(Pool, backend_concurrency_limit),
     .min = 0,
     .max = 10'000'000,
     .doc =
         "Requests at a time with each single backend, of all workers together. One that has its "
         "fill is passed over; when all have, the request waits in the queue, if there is one, or "
         "gets 429. 0: any number.",
     .example = "50",
     .also = "maxconn max_conns backend_max_concurrency"},
    {.path = "pools[].backend_circuit_breaker",
     .type = Type::Map,
     .slot = {},
     .doc = "The same as circuit_breaker, for each single backend: while its breaker is open the "
            "others get its requests. When all are open the answer is 503 (circuit_open), or the "
            "fallback stands in.",
     .also = "backend_breaker"},
    {.path = "pools[].backend_circuit_breaker.failure_threshold",
     .type = Type::Number,
     .slot = IN(Pool, backend_circuit_breaker.failure_threshold),
     .min = 0,
     .max = 1'000'000,
     .doc = "So many failures of one backend in a row open its breaker; 0: there is none.",
     .example = "5",
     .also = "failures threshold"},
    {.path = "pools[].backend_circuit_breaker.timeout",
     .type = Type::Duration,
     .slot = IN(Pool, backend_circuit_breaker.timeout),
     .min = kShort,
     .max = kHour,
     .doc = "How long it stays open before one request may try.",
     .example = "30s",
     .also = "open_for reset_timeout"},
    {.path = "pools[].queue",
     .type = Type::Map,
     .slot = {},
     .doc = "Where requests wait until there is room for them: first come, first served, over all "
            "workers. A client that goes away leaves it. The access log has the time in queued_ms.",
     .also = "waiting pending line"},
    {.path = "pools[].queue.size",
     .type = Type::Number,
     .slot = IN(Pool, queue.size),
     .min = 0,
     .max = 10'000'000,
     .doc = "So many wait at a time, of all workers together; the next gets 503 (queue_full). 0: "
            "nobody waits.",
     .example = "1000",
     .also = "maxqueue max_pending_requests max_pending limit"},
    {.path = "pools[].queue.timeout",
     .type = Type::Duration,
     .slot = IN(Pool, queue.timeout),
     .min = 1,
     .max = kHour,
     .doc = "Who has waited so long gets 503 (queue_timeout).",
     .example = "5s",
     .also = "wait patience"},
    {.path = "pools[].max_request_body",
     .type = Type::Size,
     .slot = IN(Pool, max_request_body),
     .min = 0,
     .max = std::uint64_t{1} << 40,
     .doc = "The largest body of a request; a larger one gets 413, also when it comes in chunks. "
            "0: any.",
     .example = "10m",
     .also = "max_request_body_bytes client_max_body_size body_limit"},
    {.path = "pools[].rate_limits",
     .type = Type::Names,
     .slot = IN(Pool, rate_limits),
     .min = 1,
     .max = 128,
     .doc = "The `rate_limits` that a request for this pool meets, before anything else of the "
            "pool is looked at. A request that comes to it as a fallback does not.",
     .example = "[login]",
     .also = "rate_limit ratelimit limit_req throttle"},

    {.path = "health_check",
     .type = Type::Map,
     .slot = {},
     .doc = "Of the pools that have no section of their own, because a route's tag makes them. "
            "An unhealthy_threshold above 1 holds for the errors of requests in a row, too.",
     .also = "health healthcheck"},
    HEALTH_OPTIONS("", Model, tag_health),

    {.path = "backends",
     .type = Type::List,
     .slot = RECORDS(Model, backends),
     .doc = "Backends with names and tags, for pools and routes to choose from.",
     .also = "servers endpoints"},
    {.path = "backends[].id",
     .type = Type::Name,
     .slot = IN(Backend, id),
     .min = 1,
     .max = 64,
     .doc = "Its name. No two share one, and it has no colon.",
     .example = "web-v1",
     .need = Need::Required,
     .also = "name"},
    {.path = "backends[].address",
     .type = Type::Target,
     .slot = IN(Backend, address),
     .doc = "Where it listens: an address or a name with a port, or a unix socket.",
     .example = "10.0.0.1:3000",
     .need = Need::Required,
     .also = "url host upstream addr"},
    {.path = "backends[].tags",
     .type = Type::Names,
     .slot = IN(Backend, tags),
     .min = 1,
     .max = 64,
     .doc = "What routes and pools may choose it by.",
     .example = "[a, b]",
     .also = "tag labels"},
    {.path = "backends[].weight",
     .type = Type::Number,
     .slot = IN(Backend, weight),
     .min = 0,
     .max = 65'535,
     .doc = "Its share of the requests, beside the others'. Addresses that stand in a pool "
            "themselves have 1. 0: nothing new comes to it.",
     .example = "10"},
    {.path = "backends[].priority",
     .type = Type::Number,
     .slot = IN(Backend, priority),
     .min = 0,
     .max = 1000,
     .doc = "0 comes first; the others get requests when those before them are not well: "
            "pools[].balance.spill_below.",
     .example = "1",
     .also = "order level"},
    {.path = "backends[].backup",
     .type = Type::Flag,
     .slot = IN(Backend, backup),
     .doc = "It gets requests only when no other is usable.",
     .example = "true"},
    {.path = "backends[].drain",
     .type = Type::Flag,
     .slot = IN(Backend, drain),
     .doc = "It gets no new requests; those that it has are finished.",
     .example = "true",
     .also = "draining down disabled maintenance"},

    {.path = "routing_tables",
     .type = Type::List,
     .slot = RECORDS(Model, routing_tables),
     .doc = "From a key in a request to a pool (cell routing). The answer tells where it went and "
            "why in X-Routed-To and X-Route-Reason.",
     .also = "tables maps cells"},
    {.path = "routing_tables[].name",
     .type = Type::Name,
     .slot = IN(RoutingTable, name),
     .min = 1,
     .max = 64,
     .doc = "What routes call it. No two share a name.",
     .example = "cells",
     .need = Need::Required,
     .also = "id"},
    {.path = "routing_tables[].header",
     .type = Type::Name,
     .slot = IN(RoutingTable, header),
     .min = 1,
     .max = 64,
     .doc = "The header field that has the key. A request without it is answered with 400.",
     .example = "X-Tenant",
     .also = "key_header field"},
    {.path = "routing_tables[].keys",
     .type = Type::Table,
     .slot = IN(RoutingTable, keys),
     .min = 1,
     .max = 64,
     .doc = "Which key goes to which pool. Keys are compared byte by byte.",
     .example = "{acme: tier1, globex: tier2}",
     .need = Need::Required,
     .also = "table entries routes routingTable map"},
    {.path = "routing_tables[].default",
     .type = Type::Name,
     .slot = IN(RoutingTable, fallback),
     .min = 1,
     .max = 64,
     .doc = "The pool of all other keys.",
     .example = "tier3",
     .need = Need::Required,
     .also = "default_pool default_placement fallback otherwise"},
    {.path = "routing_tables[].tiers",
     .type = Type::Names,
     .slot = IN(RoutingTable, tiers),
     .min = 1,
     .max = 64,
     .doc = "The pools that many keys share: X-Route-Reason says tier for them, and dedicated for "
            "all others. tier1, tier2 and tier3 when not given.",
     .example = "[tier1, tier2]",
     .also = "shared"},
    {.path = "routing_tables[].rate_limits",
     .type = Type::Table,
     .slot = IN(RoutingTable, rate_limits),
     .min = 1,
     .max = 128,
     .doc = "The one of `rate_limits` that the requests with a key meet, whether or not `keys` has "
            "that key.",
     .example = "{acme: acme-limit}",
     .also = "key_rate_limits rate_limit"},
};

#undef HEALTH_OPTIONS

}  // namespace

std::span<const Option> pool_options() noexcept {
  return kOptions;
}

}  // namespace cirque::config
